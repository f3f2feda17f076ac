package broker

import (
	"context"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// FetchRequest is one Fetch request of a consumer.
type FetchRequest struct {
	Version       int16
	Client        string // client id
	MaxWait       time.Duration
	MinBytes      int32
	MaxBytes      int32
	ReadCommitted bool
	SessionID     int32
	SessionEpoch  int32
	UsesTopicIDs  bool // version 13 and above
	Partitions    []FetchPartition
	Forgotten     []FetchTarget
	Rack          string
}

// FetchTarget names a partition in a Fetch: by id when the request uses topic ids, else by name.
type FetchTarget struct {
	Topic     string
	TopicID   metadata.TopicID
	Partition int32
}

// FetchPartition is what a Fetch asks of one partition.
type FetchPartition struct {
	FetchTarget
	Offset             int64
	MaxBytes           int32
	CurrentLeaderEpoch int32 // -1: not checked
	LastFetchedEpoch   int32 // -1: none (KIP-595)
	LogStartOffset     int64 // followers only
}

// FetchResponse answers a FetchRequest. Release it after it was sent.
type FetchResponse struct {
	Err        error
	SessionID  int32 // 0: no session
	Partitions []FetchedPartition
}

// FetchedPartition is one partition's share of a FetchResponse.
type FetchedPartition struct {
	FetchTarget
	Err                  error
	HighWatermark        int64 // -1 with an error
	LastStableOffset     int64
	LogStartOffset       int64
	PreferredReadReplica int32           // -1: none (KIP-392)
	Diverging            *EpochEndOffset // KIP-595
	Leader               *LeaderHint     // KIP-951
	Aborted              []AbortedTxn    // read_committed only; nil otherwise
	Records              ports.Slice
}

// EpochEndOffset is a leader epoch and the offset at which it ended.
type EpochEndOffset struct {
	Epoch     int32
	EndOffset int64
}

// AbortedTxn tells a read_committed consumer which records to skip.
type AbortedTxn struct{ ProducerID, FirstOffset int64 }

// Release lets go of the files that the records are in.
func (r *FetchResponse) Release() {
	for i := range r.Partitions {
		r.Partitions[i].Records.Release()
	}
}

// Fetch is the service behind Kafka's Fetch.
type Fetch struct{}

// Fetch answers at once when MinBytes are there or a partition has an error, otherwise when they
// have come or MaxWait has passed. It keeps the incremental fetch sessions of KIP-227.
func (f *Fetch) Fetch(ctx context.Context, req *FetchRequest) *FetchResponse { panic("landing soon") }

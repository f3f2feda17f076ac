package ports

import (
	"context"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// BrokerHeartbeat is what a broker of a cluster tells the metadata's leader about itself, as
// in Kafka's BrokerHeartbeat.
type BrokerHeartbeat struct {
	BrokerID      int32
	BrokerEpoch   int64 // of its registration
	MetadataIndex int64 // of the newest image that it has
	WantFence     bool  // it does not want to serve
	WantShutDown  bool  // it wants to stop, in good order
}

// BrokerHeartbeatReply is the answer.
type BrokerHeartbeatReply struct {
	CaughtUp       bool // the broker's image holds its own registration
	Fenced         bool
	ShouldShutDown bool // nothing is led by the broker any more: it may stop
}

// ForwardedTag is the number of a tagged field (KIP-482) of our own, in requests that a broker makes for a client of
// its: they are not made for others again.
const ForwardedTag = 10_000

// Peers are the other brokers of the cluster. Its methods may be called concurrently.
type Peers interface {
	// Heartbeat tells broker node, which should lead the metadata, that another is alive. Errors: fault.NotController
	// when it does not lead, StaleBrokerEpoch for a registration that is not the present one, BrokerNotAvailable when the
	// broker cannot be reached, and ctx.Err().
	Heartbeat(ctx context.Context, node int32, req BrokerHeartbeat) (BrokerHeartbeatReply, error)
	// Fetch asks broker node, which should lead them, for records of partitions, and answers for those that there is
	// something to tell of. One call at a time may be under way for a node. Errors: fault.BrokerNotAvailable when the
	// broker cannot be reached, and ctx.Err().
	Fetch(ctx context.Context, node int32, req ReplicaFetch) ([]ReplicaFetched, error)
}

// ReplicaFetch is a follower's Fetch. The partitions are all that the follower wants of the leader.
type ReplicaFetch struct {
	BrokerEpoch int64 // of the follower's registration (KIP-903)
	MaxWait     time.Duration
	MinBytes    int32
	MaxBytes    int32
	Partitions  []ReplicaFetchPartition
}

// ReplicaFetchPartition is what a follower asks of one partition.
type ReplicaFetchPartition struct {
	TopicID     metadata.TopicID
	Partition   int32
	Offset      int64
	LogStart    int64
	LeaderEpoch int32 // the follower's idea of the current one
	LastEpoch   int32 // of the record before Offset, -1 when there is none (KIP-595)
	MaxBytes    int32
}

// ReplicaFetched is what the leader answers for a partition. Records are the caller's.
type ReplicaFetched struct {
	TopicID        metadata.TopicID
	Partition      int32
	Err            error // a fault
	HighWatermark  int64
	LogStart       int64 // -1 when unknown
	Diverging      bool  // there are no records: the logs part where DivergingEpoch ended (KIP-595)
	DivergingEpoch int32
	DivergingEnd   int64
	Records        []byte // whole batches
}

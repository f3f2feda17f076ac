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

// Heartbeats carries heartbeats to the other brokers of the cluster. Its methods may be called concurrently.
type Heartbeats interface {
	// Heartbeat tells broker node, which should lead the metadata, that another is alive. It waits for the answer, and for
	// nothing that is under way to other brokers. Errors: the fault that the broker answers with, of which NotController
	// says that it does not lead and StaleBrokerEpoch that the registration is not the present one; fault.BrokerNotAvailable
	// when the broker cannot be reached; ctx.Err().
	Heartbeat(ctx context.Context, node int32, req BrokerHeartbeat) (BrokerHeartbeatReply, error)
}

// ReplicaFetcher fetches records from the other brokers of the cluster. Its methods may be called concurrently, but for one
// node by one caller at a time.
type ReplicaFetcher interface {
	// Fetch asks broker node, which should lead them, for records of partitions, and answers for those that there is
	// something to tell of, which may be none. Partitions that an earlier call has asked for and this one does not are no
	// longer fetched. The answers are the caller's. Errors: the fault that the broker answers with, where it concerns no single
	// partition; fault.BrokerNotAvailable when the broker cannot be reached; ctx.Err(). After an error the next call asks for
	// all that it is given, as the first one did.
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

package ports

import (
	"context"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// BrokerHeartbeat is a broker's heartbeat to the metadata's leader, as in Kafka's BrokerHeartbeat.
type BrokerHeartbeat struct {
	BrokerID      int32
	BrokerEpoch   int64 // of its registration
	MetadataIndex int64 // of the newest image that it has
	WantFence     bool  // it does not want to serve clients
	WantShutDown  bool  // it wants a controlled shutdown
}

// BrokerHeartbeatReply is the answer.
type BrokerHeartbeatReply struct {
	CaughtUp       bool // the broker's image has its own registration
	Fenced         bool
	ShouldShutDown bool // the broker leads no partition any more, and may stop
}

// ForwardedTag is the number of a tagged field (KIP-482) of our own. It marks requests that a broker makes on behalf of
// its client, so that the receiver does not forward them again.
const ForwardedTag = 10_000

// Heartbeats sends heartbeats to the other brokers of the cluster. Its methods may be called concurrently.
type Heartbeats interface {
	// Heartbeat sends a heartbeat to broker node, which should lead the metadata. It waits for the answer, but not for
	// requests to other brokers. Errors: the fault that the broker answers with, such as NotController when it does not
	// lead or StaleBrokerEpoch when the registration is not the current one; fault.BrokerNotAvailable when the broker
	// cannot be reached; ctx.Err().
	Heartbeat(ctx context.Context, node int32, req BrokerHeartbeat) (BrokerHeartbeatReply, error)
}

// ReplicaFetcher fetches records from the other brokers of the cluster. Its methods may be called concurrently, but
// with one call at a time for each node.
type ReplicaFetcher interface {
	// Fetch fetches records of partitions from broker node, which should lead them. It returns answers for the partitions
	// that have news, perhaps for none. Partitions of an earlier call that are missing in this one are not fetched any
	// more. The answers belong to the caller. Errors: the fault that the broker answers with for the whole request;
	// fault.BrokerNotAvailable when the broker cannot be reached; ctx.Err(). After an error the next call sends all its
	// partitions, as the first call did.
	Fetch(ctx context.Context, node int32, req ReplicaFetch) ([]ReplicaFetched, error)
}

// ReplicaFetch is a follower's Fetch, with all partitions that the follower wants from the leader.
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
	LeaderEpoch int32 // the current one, as the follower knows it
	LastEpoch   int32 // of the record before Offset, -1 if there is none (KIP-595)
	MaxBytes    int32
}

// ReplicaFetched is the leader's answer for one partition. Records belongs to the caller.
type ReplicaFetched struct {
	TopicID        metadata.TopicID
	Partition      int32
	Err            error // a fault
	HighWatermark  int64
	LogStart       int64 // -1 when unknown
	Diverging      bool  // there are no records: the logs diverge where DivergingEpoch ended (KIP-595)
	DivergingEpoch int32
	DivergingEnd   int64
	Records        []byte // whole batches
}

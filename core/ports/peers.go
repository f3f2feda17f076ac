package ports

import "context"

// BrokerHeartbeat is what a broker of a cluster tells the metadata's leader about itself, as in Kafka's BrokerHeartbeat.
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

// Peers are the other brokers of the cluster. Its methods may be called concurrently.
type Peers interface {
	// Heartbeat tells broker node, which should lead the metadata, that another is alive. Errors: fault.NotController when it
	// does not lead, StaleBrokerEpoch for a registration that is not the present one, BrokerNotAvailable when the broker
	// cannot be reached, and ctx.Err().
	Heartbeat(ctx context.Context, node int32, req BrokerHeartbeat) (BrokerHeartbeatReply, error)
}

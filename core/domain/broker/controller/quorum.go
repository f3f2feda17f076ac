package controller

import (
	"context"

	"github.com/chronik-stream/chronik/core/ports"
)

// QuorumDescription is the set of nodes that keep the metadata, with the progress of each.
type QuorumDescription struct {
	Leader        int32 // node id, -1 when none is known
	LeaderEpoch   int32 // Kafka's name for the term
	HighWatermark int64 // of the metadata's log
	Voters        []QuorumReplica
	Observers     []QuorumReplica // follow without a vote
}

// QuorumReplica is one node's copy of the metadata's log.
type QuorumReplica struct {
	Node         int32
	Directory    [16]byte // the incarnation under which the node votes; zero if unknown
	LogEndOffset int64
	// When the leader last received a heartbeat of the replica, and when the replica last had everything that the leader
	// had, in milliseconds since 1970; -1 if unknown.
	LastFetch, LastCaughtUp int64
}

// SoleQuorum describes metadata that is kept by this node alone.
type SoleQuorum struct {
	store  ports.MetadataStore
	nodeID int32
	clock  ports.Clock
}

// NewSoleQuorum returns the quorum of broker nodeID.
func NewSoleQuorum(store ports.MetadataStore, nodeID int32, clock ports.Clock) *SoleQuorum {
	return &SoleQuorum{store: store, nodeID: nodeID, clock: clock}
}

// Describe returns this node as the only voter. Its log has an entry for each command.
func (q *SoleQuorum) Describe(context.Context, bool) (QuorumDescription, error) {
	end, now := int64(q.store.Image().Index()), q.clock.Millis()
	self := QuorumReplica{Node: q.nodeID, LogEndOffset: end, LastFetch: now, LastCaughtUp: now}
	return QuorumDescription{Leader: q.nodeID, LeaderEpoch: 1, HighWatermark: end, Voters: []QuorumReplica{self}}, nil
}

package controller

import (
	"context"
	"maps"
	"sync"

	"github.com/chronik-stream/chronik/core/ports"
)

// QuorumProgress knows how far the other nodes are with the metadata, where this node leads it: they say so with each
// heartbeat, as Kafka's do with each fetch of the metadata's log.
type QuorumProgress struct {
	*Controller
	mu    sync.Mutex
	nodes map[int32]progress
}

// progress is how far a node is, as the leader knows it. Times are in milliseconds since 1970.
type progress struct {
	end       int64 // of the node's log
	leaderEnd int64 // of the leader's log, when the node was heard of last
	heard     int64
	caughtUp  int64 // when the node last had all that the leader had, -1 for never
}

// NewQuorumProgress returns what listens to the heartbeats that go to controller.
func NewQuorumProgress(controller *Controller) *QuorumProgress {
	return &QuorumProgress{Controller: controller, nodes: make(map[int32]progress)}
}

// Heartbeat is Controller.Heartbeat, and takes note of one that is answered.
func (q *QuorumProgress) Heartbeat(ctx context.Context, req ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
	now, end := q.clock.Millis(), int64(q.store.Image().Index())
	reply, err := q.Controller.Heartbeat(ctx, req)
	if err == nil {
		q.note(req.BrokerID, min(req.MetadataIndex, end), end, now)
	}
	return reply, err
}

// note follows Kafka's rule of when a replica has caught up: now, if it has all there is, and when it was heard of
// last, if it has what there was then.
func (q *QuorumProgress) note(node int32, has, end, now int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before, known := q.nodes[node]
	after := progress{end: has, leaderEnd: end, heard: now, caughtUp: -1}
	switch {
	case has >= end:
		after.caughtUp = now
	case known && has >= before.leaderEnd:
		after.caughtUp = before.heard
	case known:
		after.caughtUp = before.caughtUp
	}
	q.nodes[node] = after
}

// Describe fills in how far the replicas are of a quorum that this node leads. What is not known of a node that was
// not heard of stays as it is.
func (q *QuorumProgress) Describe(quorum *QuorumDescription) {
	q.mu.Lock()
	nodes := maps.Clone(q.nodes)
	q.mu.Unlock()
	for _, replicas := range [][]QuorumReplica{quorum.Voters, quorum.Observers} {
		for i := range replicas {
			r := &replicas[i]
			if r.Node == quorum.Leader {
				now := q.clock.Millis()
				r.LogEndOffset, r.LastFetch, r.LastCaughtUp = quorum.HighWatermark, now, now
			} else if of, known := nodes[r.Node]; known {
				r.LogEndOffset, r.LastFetch, r.LastCaughtUp = of.end, of.heard, of.caughtUp
			}
		}
	}
}

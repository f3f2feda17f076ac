package controller

import (
	"context"
	"maps"
	"sync"

	"github.com/chronik-stream/chronik/core/ports"
)

// QuorumProgress records how far the other nodes are with the metadata while this node leads it. They report that with
// each heartbeat, as Kafka's nodes do with each fetch of the metadata's log.
type QuorumProgress struct {
	*Controller
	mu    sync.Mutex
	nodes map[int32]progress
}

// progress is how far a node is, as the leader knows it. Times are in milliseconds since 1970.
type progress struct {
	end       int64 // of the node's log
	leaderEnd int64 // of the leader's log at the last heartbeat
	heartbeat int64 // time of the last heartbeat
	caughtUp  int64 // when the node last had everything that the leader had, -1 for never
}

// NewQuorumProgress returns a QuorumProgress that passes heartbeats on to controller.
func NewQuorumProgress(controller *Controller) *QuorumProgress {
	return &QuorumProgress{Controller: controller, nodes: make(map[int32]progress)}
}

// Heartbeat is Controller.Heartbeat, and records the progress of a heartbeat that is answered without an error.
func (q *QuorumProgress) Heartbeat(ctx context.Context, req ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
	now, end := q.clock.Millis(), int64(q.store.Image().Index())
	reply, err := q.Controller.Heartbeat(ctx, req)
	if err == nil {
		q.note(req.BrokerID, min(req.MetadataIndex, end), end, now)
	}
	return reply, err
}

// note follows Kafka's rule of when a replica has last caught up: now, if it has everything, or at its previous
// heartbeat, if it has everything that there was then.
func (q *QuorumProgress) note(node int32, has, end, now int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before, known := q.nodes[node]
	after := progress{end: has, leaderEnd: end, heartbeat: now, caughtUp: -1}
	switch {
	case has >= end:
		after.caughtUp = now
	case known && has >= before.leaderEnd:
		after.caughtUp = before.heartbeat
	case known:
		after.caughtUp = before.caughtUp
	}
	q.nodes[node] = after
}

// Describe fills in the progress of the replicas of a quorum that this node leads. It does not change replicas that
// have sent no heartbeat.
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
				r.LogEndOffset, r.LastFetch, r.LastCaughtUp = of.end, of.heartbeat, of.caughtUp
			}
		}
	}
}

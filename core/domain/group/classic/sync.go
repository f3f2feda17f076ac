package classic

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Sync returns the member's assignment through answer. The leader's Sync has the assignments of all members; answers
// are given when these are durable.
func (g *Group) Sync(now time.Time, req *SyncRequest, answer func(SyncResponse)) Effects {
	g.begin(now)
	respond := func(r SyncResponse) { g.fx.Syncs = append(g.fx.Syncs, SyncAnswer{To: answer, SyncResponse: r}) }
	if err := g.checkSync(req); err != nil {
		respond(SyncResponse{Err: err})
		return g.end()
	}
	m := g.members[req.MemberID]
	if g.state == PreparingRebalance {
		respond(SyncResponse{Err: fault.RebalanceInProgress})
		return g.end()
	}
	m.pendingSync = false
	if !g.anyPendingSync() {
		g.syncDeadline = time.Time{}
	}
	if g.state == Stable {
		respond(SyncResponse{ProtocolType: g.protocolType, Protocol: g.protocol, Assignment: m.assignment})
		return g.end()
	}
	// Of two Syncs of one member only the newer can be wanted.
	g.answerSync(m, SyncResponse{Err: fault.RebalanceInProgress})
	m.sync = answer
	// A second Sync of the leader, while its assignments are being written, changes nothing: members get those in the log.
	if g.leader == m.id && !g.assigning {
		g.assigning = true
		image := g.image(func(m *member) []byte { return req.Assignments[m.id] })
		g.emit(Write{Records: g.record(image), purpose: toAssign, generation: g.generation})
	}
	return g.end()
}

func (g *Group) checkSync(req *SyncRequest) error {
	if g.state == Dead {
		return fault.CoordinatorNotAvailable
	}
	if err := g.checkMember(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	switch {
	case req.Generation != g.generation:
		return fault.IllegalGeneration
	case req.ProtocolType != nil && g.protocolType != "" && *req.ProtocolType != g.protocolType,
		req.Protocol != nil && g.protocol != "" && *req.Protocol != g.protocol:
		return fault.InconsistentGroupProtocol
	}
	return nil
}

// assigned answers with the generation's assignments, as the log has them, or rebalances if they could not be written.
func (g *Group) assigned(w Write, err error) {
	if g.state != CompletingRebalance || g.generation != w.generation {
		return // the next rebalance has begun
	}
	if err != nil {
		g.dropAssignments(err)
		g.prepareRebalance("the assignment could not be stored")
		return
	}
	for _, p := range g.metadata.Members {
		m := g.members[p.MemberID]
		g.assign(m, p.Assignment)
		if g.answerSync(m, SyncResponse{ProtocolType: g.protocolType, Protocol: g.protocol, Assignment: p.Assignment}) {
			g.keepAlive(m)
		}
	}
	g.assigning = false
	g.transition(Stable)
}

func (g *Group) anyPendingSync() bool {
	for _, m := range g.order {
		if m.pendingSync {
			return true
		}
	}
	return false
}

// Heartbeat extends the member's session. With fault.RebalanceInProgress the member has to rejoin.
func (g *Group) Heartbeat(now time.Time, req *HeartbeatRequest) error {
	if g.state == Dead {
		return fault.CoordinatorNotAvailable
	}
	if err := g.checkMember(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	if req.Generation != g.generation {
		return fault.IllegalGeneration
	}
	g.now = now
	g.keepAlive(g.members[req.MemberID])
	if g.state == PreparingRebalance {
		return fault.RebalanceInProgress
	}
	return nil
}

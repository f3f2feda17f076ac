package classic

import (
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// rebalanceOrComplete begins a rebalance, or completes the join phase of the current one if all members have joined.
func (g *Group) rebalanceOrComplete(reason string) {
	if g.state == PreparingRebalance {
		g.completeIfJoined()
		return
	}
	g.prepareRebalance(reason)
}

// prepareRebalance begins a rebalance. Members learn about it from their heartbeats, and those that wait for an
// assignment of the old generation from their Sync.
func (g *Group) prepareRebalance(reason string) {
	if g.state == CompletingRebalance {
		g.dropAssignments(fault.RebalanceInProgress)
	}
	for _, m := range g.order {
		m.pendingSync = false
	}
	g.syncDeadline, g.assigning = time.Time{}, false
	first := g.state == Empty
	g.transition(PreparingRebalance)
	g.report("group rebalance started", "", reason)
	switch {
	case first && g.settings.InitialRebalanceDelay > 0:
		g.initial = initialDelay{
			running: true, delay: g.settings.InitialRebalanceDelay,
			remaining: max(g.rebalanceTimeout()-g.settings.InitialRebalanceDelay, 0),
		}
		g.schedule(&g.joinDeadline, g.initial.delay)
	case first || g.allJoined():
		g.completeJoin()
	default:
		g.schedule(&g.joinDeadline, g.rebalanceTimeout())
	}
}

// completeIfJoined completes the join phase when all members have joined, except during the initial delay.
func (g *Group) completeIfJoined() {
	if g.state == PreparingRebalance && !g.initial.running && g.allJoined() {
		g.completeJoin()
	}
}

// joinDue handles the deadline of the join phase. The initial delay is extended as long as new members join.
func (g *Group) joinDue() {
	if g.initial.running && g.initial.joined && g.initial.remaining > 0 {
		delay := min(g.settings.InitialRebalanceDelay, g.initial.remaining)
		g.initial = initialDelay{running: true, delay: delay, remaining: max(g.initial.remaining-g.initial.delay, 0)}
		g.schedule(&g.joinDeadline, delay)
		return
	}
	g.completeJoin()
}

// completeJoin begins the next generation with the members that have joined. Static members that have not joined stay
// in it as well; the others are removed.
func (g *Group) completeJoin() {
	g.joinDeadline, g.initial = time.Time{}, initialDelay{}
	for _, m := range slices.Clone(g.order) {
		if m.join == nil && m.instanceID == "" {
			g.report("member removed", m.id, "it has not rejoined in time")
			g.remove(m.id)
		}
	}
	if len(g.members) == 0 {
		g.becomeEmpty()
		return
	}
	if !g.electLeader() {
		// Only static members are left, and none has joined: their sessions decide.
		g.schedule(&g.joinDeadline, g.rebalanceTimeout())
		return
	}
	g.generation++
	g.protocol = g.vote()
	g.parseTopics()
	g.transition(CompletingRebalance)
	g.report("group generation started", "", "")
	for _, m := range g.order {
		r := g.current(m)
		if m.id == g.leader {
			r.Members = g.joined()
		}
		g.answerJoin(m, r)
		g.keepAlive(m)
		m.fresh, m.pendingSync = false, true
	}
	g.schedule(&g.syncDeadline, g.rebalanceTimeout())
}

func (g *Group) becomeEmpty() {
	g.generation++
	g.protocol, g.leader = "", ""
	g.parseTopics()
	g.transition(Empty)
	g.report("group empty", "", "")
	g.emit(Write{Records: g.record(g.image(nil))})
}

// electLeader makes a member that has joined the leader, unless the current leader has joined. It reports false if no
// member has joined.
func (g *Group) electLeader() bool {
	if g.members[g.leader].join != nil {
		return true
	}
	i := slices.IndexFunc(g.order, func(m *member) bool { return m.join != nil })
	if i < 0 {
		return false
	}
	g.leader = g.order[i].id
	return true
}

// dropAssignments removes the assignments and answers every waiting Sync with err.
func (g *Group) dropAssignments(err error) {
	for _, m := range g.order {
		g.assign(m, nil)
		if g.answerSync(m, SyncResponse{Err: err}) {
			g.keepAlive(m)
		}
	}
}

// Expire applies the deadlines that have passed: of sessions and of the phases of a rebalance. It has to be called at
// Wake; calling it at other times does no harm.
func (g *Group) Expire(now time.Time) Effects {
	g.begin(now)
	due := func(deadline time.Time) bool { return !deadline.IsZero() && !deadline.After(now) }
	for _, id := range g.pendingIDs() {
		if due(g.pending[id]) {
			g.report("pending member removed", id, "it has not rejoined in time")
			g.forgetPending(id)
			g.afterRemoval("")
		}
	}
	for _, m := range slices.Clone(g.order) {
		if g.members[m.id] != m || !due(m.deadline) {
			continue
		}
		if !m.fresh && (m.join != nil || m.sync != nil) {
			m.deadline = time.Time{} // it waits for an answer, with which its session begins again
			continue
		}
		g.report("member removed", m.id, "its session has timed out")
		g.remove(m.id)
		g.afterRemoval("session of member " + m.id + " has timed out")
	}
	if due(g.joinDeadline) && g.state == PreparingRebalance {
		g.joinDue()
	}
	if due(g.syncDeadline) {
		g.syncDue()
	}
	g.wake = g.earliest()
	return g.end()
}

// afterRemoval rebalances after a member was removed. reason is "" for one that was never in a generation.
func (g *Group) afterRemoval(reason string) {
	switch {
	case g.state == PreparingRebalance && g.allJoined():
		g.completeJoin()
	case reason != "" && (g.state == Stable || g.state == CompletingRebalance):
		g.prepareRebalance(reason)
	}
}

// syncDue removes the members that have joined but not synced.
func (g *Group) syncDue() {
	g.syncDeadline = time.Time{}
	if g.state != CompletingRebalance && g.state != Stable {
		return
	}
	gone := false
	for _, m := range slices.Clone(g.order) {
		if m.pendingSync {
			g.report("member removed", m.id, "it has not synced in time")
			g.remove(m.id)
			gone = true
		}
	}
	if gone {
		g.prepareRebalance("members have not synced in time")
	}
}

func (g *Group) pendingIDs() []string {
	ids := make([]string, 0, len(g.pending))
	for id := range g.pending {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// earliest returns the first of all deadlines.
func (g *Group) earliest() (first time.Time) {
	consider := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, t := range g.pending {
		consider(t)
	}
	for _, m := range g.order {
		consider(m.deadline)
	}
	consider(g.joinDeadline)
	consider(g.syncDeadline)
	return first
}

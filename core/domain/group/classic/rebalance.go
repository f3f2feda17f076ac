package classic

import (
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// rebalanceOrComplete begins a rebalance, or ends the joining of the one that runs if everybody is there.
func (g *Group) rebalanceOrComplete(reason string) {
	if g.state == PreparingRebalance {
		g.completeIfJoined()
		return
	}
	g.prepareRebalance(reason)
}

// prepareRebalance begins a rebalance: members learn of it by their heartbeats, and those that wait for an
// assignment of the generation that ends by their Sync.
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
	g.report("group rebalances", "", reason)
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

// completeIfJoined ends the joining when everybody has joined, except during the initial delay.
func (g *Group) completeIfJoined() {
	if g.state == PreparingRebalance && !g.initial.running && g.allJoined() {
		g.completeJoin()
	}
}

// joinDue is the end of the joining's time, which the initial delay puts off as long as members come.
func (g *Group) joinDue() {
	if g.initial.running && g.initial.joined && g.initial.remaining > 0 {
		delay := min(g.settings.InitialRebalanceDelay, g.initial.remaining)
		g.initial = initialDelay{running: true, delay: delay, remaining: max(g.initial.remaining-g.initial.delay, 0)}
		g.schedule(&g.joinDeadline, delay)
		return
	}
	g.completeJoin()
}

// completeJoin begins the next generation with those who have joined. Static members stay in it, joined
// or not; the others are removed.
func (g *Group) completeJoin() {
	g.joinDeadline, g.initial = time.Time{}, initialDelay{}
	for _, m := range slices.Clone(g.order) {
		if m.join == nil && m.instanceID == "" {
			g.report("member has not rejoined in time", m.id, "")
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
	g.report("group has a new generation", "", "")
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
	g.report("group is empty", "", "")
	g.emit(Write{Records: g.record(g.image(nil))})
}

// electLeader makes a member that has joined the leader, if the present one has not. It reports false
// when nobody has.
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

// dropAssignments takes the assignments back and answers every waiting Sync with err.
func (g *Group) dropAssignments(err error) {
	for _, m := range g.order {
		g.assign(m, nil)
		if g.answerSync(m, SyncResponse{Err: err}) {
			g.keepAlive(m)
		}
	}
}

// Expire does what is due: sessions that ran out, rebalances that waited long enough. It is to be called at
// Wake; calling it at other times does no harm.
func (g *Group) Expire(now time.Time) Effects {
	g.begin(now)
	due := func(deadline time.Time) bool { return !deadline.IsZero() && !deadline.After(now) }
	for _, id := range g.pendingIDs() {
		if due(g.pending[id]) {
			g.report("pending member has not come back", id, "")
			g.forgetPending(id)
			g.afterRemoval("")
		}
	}
	for _, m := range slices.Clone(g.order) {
		if g.members[m.id] != m || !due(m.deadline) {
			continue
		}
		if !m.fresh && (m.join != nil || m.sync != nil) {
			m.deadline = time.Time{} // it waits for us: its session starts again with the answer
			continue
		}
		g.report("member is removed", m.id, "its session has timed out")
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

// afterRemoval rebalances after a member is gone. reason is "" for one that was never in a generation.
func (g *Group) afterRemoval(reason string) {
	switch {
	case g.state == PreparingRebalance && g.allJoined():
		g.completeJoin()
	case reason != "" && (g.state == Stable || g.state == CompletingRebalance):
		g.prepareRebalance(reason)
	}
}

// syncDue removes the members that have joined and never synced.
func (g *Group) syncDue() {
	g.syncDeadline = time.Time{}
	if g.state != CompletingRebalance && g.state != Stable {
		return
	}
	gone := false
	for _, m := range slices.Clone(g.order) {
		if m.pendingSync {
			g.report("member is removed", m.id, "it has not synced in time")
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

package classic

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

// Join adds a member, or lets it rejoin for the next generation. answer is called when the rebalance is complete, or at
// once if there is nothing to wait for. unique makes a new member's id unique.
func (g *Group) Join(now time.Time, s Settings, req *JoinRequest, unique string, answer func(JoinResponse)) Effects {
	g.begin(now)
	g.settings = s
	refuse := func(err error) {
		g.respond(answer, JoinResponse{Generation: -1, MemberID: req.MemberID, Err: err})
	}
	switch {
	case g.state == Dead:
		refuse(fault.CoordinatorNotAvailable)
	case !g.hasRoom(req.MemberID):
		g.remove(req.MemberID)
		refuse(fault.GroupMaxSizeReached)
	case !g.supports(req.ProtocolType, req.Protocols):
		refuse(fault.InconsistentGroupProtocol)
	case req.MemberID == "":
		g.joinNew(req, unique, answer)
	default:
		if err := g.joinKnown(req, answer); err != nil {
			refuse(err)
		}
	}
	if g.unwritten && len(g.members)+len(g.pending) > 0 {
		g.unwritten = false
		if len(g.fx.Writes) == 0 {
			g.emit(Write{Records: g.record(&group.Metadata{StateTimestamp: g.since}), purpose: toCreate})
		}
	}
	return g.end()
}

// hasRoom reports whether the group may take the member. During a rebalance only members that have joined count. So
// when group.max.size was lowered, the last ones to rejoin are refused.
func (g *Group) hasRoom(memberID string) bool {
	m := g.members[memberID]
	switch g.state {
	case PreparingRebalance:
		return m != nil && m.join != nil || g.joinedCount() < g.settings.MaxSize
	case CompletingRebalance, Stable:
		return m != nil || len(g.members) < g.settings.MaxSize
	default:
		return true
	}
}

// joinNew adds a member that has no id yet.
func (g *Group) joinNew(req *JoinRequest, unique string, answer func(JoinResponse)) {
	if req.InstanceID != "" {
		id := req.InstanceID + "-" + unique
		if holder, ok := g.static[req.InstanceID]; ok {
			g.replaceStatic(g.members[holder], id, req, answer)
		} else {
			g.add(id, req, answer)
		}
		return
	}
	id := req.Client.ID + "-" + unique
	if !req.RequireMemberID {
		g.add(id, req, answer)
		return
	}
	var until time.Time
	g.schedule(&until, req.SessionTimeout)
	g.expect(id, until)
	g.respond(answer, JoinResponse{Generation: -1, MemberID: id, Err: fault.MemberIDRequired})
}

// joinKnown handles a member that has an id: a pending one, or one that rejoins.
func (g *Group) joinKnown(req *JoinRequest, answer func(JoinResponse)) error {
	if _, ok := g.pending[req.MemberID]; ok && req.InstanceID == "" {
		g.add(req.MemberID, req, answer)
		return nil
	}
	if err := g.checkMember(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	m := g.members[req.MemberID]
	switch g.state {
	case PreparingRebalance:
		g.rejoin(m, req, "member joins during the rebalance", answer)
	case CompletingRebalance:
		if !m.matches(req.Protocols) {
			g.rejoin(m, req, "member has changed its metadata", answer)
			return nil
		}
		// It has not received the answer to its Join, so it gets it again.
		g.answerCurrent(m, answer)
	case Stable:
		switch {
		case g.leader == m.id:
			// The leader may know of changes that its subscription does not show, such as new partitions of a topic.
			g.rejoin(m, req, "leader rejoins", answer)
		case !m.matches(req.Protocols):
			g.rejoin(m, req, "member has changed its metadata", answer)
		default:
			g.answerCurrent(m, answer)
		}
	default:
		return fault.UnknownMemberID
	}
	return nil
}

// add adds a member and rebalances.
func (g *Group) add(id string, req *JoinRequest, answer func(JoinResponse)) {
	if g.state == PreparingRebalance && g.initial.running {
		g.initial.joined = true
	}
	if len(g.members) == 0 {
		g.protocolType = req.ProtocolType
	}
	m := newMember(id, req)
	m.join = answer
	g.insert(m)
	g.schedule(&m.deadline, NewMemberTimeout)
	g.report("member joined", id, req.Reason)
	g.rebalanceOrComplete("new member " + id)
}

// rejoin makes a member wait for the next generation.
func (g *Group) rejoin(m *member, req *JoinRequest, reason string, answer func(JoinResponse)) {
	// Of two Joins of one member only the newer can be wanted.
	g.answerJoin(m, JoinResponse{Generation: -1, MemberID: m.id, Err: fault.RebalanceInProgress})
	g.change(m, func() { m.update(req) })
	m.join = answer
	if req.Reason != "" {
		reason += ": " + req.Reason
	}
	g.rebalanceOrComplete(reason)
}

// replaceStatic replaces a static member that has restarted under a new member id. In Stable this needs no rebalance as
// long as the same protocol is selected (KIP-345).
func (g *Group) replaceStatic(m *member, id string, req *JoinRequest, answer func(JoinResponse)) {
	before, leader := *m, g.leader
	g.answerJoin(m, JoinResponse{Generation: -1, MemberID: m.id, Err: fault.FencedInstanceID})
	g.answerSync(m, SyncResponse{Err: fault.FencedInstanceID})
	g.rename(m, id)
	g.change(m, func() {
		m.update(req)
		m.client = req.Client
	})
	m.join = answer
	g.keepAlive(m)
	g.report("static member replaced", id, req.Reason)
	switch g.state {
	case Stable:
		if g.vote() != g.protocol {
			g.rebalanceOrComplete("static member " + id + " changes the selected protocol")
			return
		}
		g.parseTopics()
		before.join, before.sync = nil, nil
		g.emit(Write{
			Records: g.record(g.image(func(m *member) []byte { return m.assignment })),
			purpose: toReplaceStatic, generation: g.generation, memberID: id, replaced: &before, leader: leader,
			skip: req.CanSkipAssignment,
		})
	case CompletingRebalance:
		// The leader may be assigning partitions to the old id.
		g.prepareRebalance("static member " + id + " has restarted")
	default:
		g.completeIfJoined()
	}
}

// replacedStatic answers the restarted static member, or restores the old one when the write has failed.
func (g *Group) replacedStatic(w Write, err error) {
	m := g.members[w.memberID]
	if m == nil {
		return
	}
	if err != nil {
		g.answerJoin(m, JoinResponse{Generation: -1, Err: err})
		g.rename(m, w.replaced.id)
		g.change(m, func() {
			m.client, m.protocols = w.replaced.client, w.replaced.protocols
			m.session, m.rebalance = w.replaced.session, w.replaced.rebalance
		})
		g.keepAlive(m)
		g.parseTopics()
		return
	}
	if g.state != Stable || g.generation != w.generation {
		return // a rebalance has begun meanwhile, and its end answers the Join
	}
	g.keepAlive(m)
	r := g.current(m)
	if w.skip {
		if g.leader == m.id {
			r.SkipAssignment, r.Members = true, g.joined()
		}
	} else {
		// An older client that sees its old member id as the leader does not assign again without need.
		r.Leader, r.Members = w.leader, nil
	}
	g.answerJoin(m, r)
}

// answerCurrent answers a Join with the current generation.
func (g *Group) answerCurrent(m *member, answer func(JoinResponse)) {
	r := g.current(m)
	if g.state == CompletingRebalance && g.leader == m.id {
		r.Members = g.joined()
	}
	g.respond(answer, r)
}

// current returns the answer to a Join in the current generation.
func (g *Group) current(m *member) JoinResponse {
	return JoinResponse{
		Generation: g.generation, ProtocolType: g.protocolType, Protocol: g.protocol, Leader: g.leader, MemberID: m.id,
	}
}

// joined returns all members as the leader sees them.
func (g *Group) joined() []JoinedMember {
	out := make([]JoinedMember, 0, len(g.order))
	for _, m := range g.order {
		out = append(out, JoinedMember{MemberID: m.id, InstanceID: m.instanceID, Metadata: m.subscription(g.protocol)})
	}
	return out
}

package classic

import (
	"bytes"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

// member is one consumer in a group.
type member struct {
	id, instanceID string
	client         group.Client
	protocols      []Protocol
	session        time.Duration
	rebalance      time.Duration
	assignment     []byte

	join        func(JoinResponse) // answers its waiting Join, nil for none
	sync        func(SyncResponse) // answers its waiting Sync, nil for none
	fresh       bool               // was never in a generation: it may expire while its Join waits
	pendingSync bool               // has not synced in this generation
	deadline    time.Time          // of its session, zero while it waits for an answer
}

func newMember(id string, req *JoinRequest) *member {
	m := &member{id: id, instanceID: req.InstanceID, client: req.Client, fresh: true}
	m.update(req)
	return m
}

// restored returns a member as the log has it.
func restored(p group.MemberMetadata, protocol string) *member {
	m := &member{
		id: p.MemberID, instanceID: p.InstanceID, client: p.Client,
		session: p.SessionTimeout, rebalance: p.RebalanceTimeout,
		protocols: []Protocol{{Name: protocol, Metadata: p.Subscription}}, assignment: p.Assignment,
	}
	if m.rebalance < 0 {
		m.rebalance = m.session
	}
	return m
}

// update applies the properties in a Join.
func (m *member) update(req *JoinRequest) {
	m.protocols = distinct(req.Protocols)
	m.session, m.rebalance = req.SessionTimeout, req.RebalanceTimeout
}

// distinct drops protocols with the name of an earlier one.
func distinct(protocols []Protocol) []Protocol {
	var out []Protocol
	for _, p := range protocols {
		if !slices.ContainsFunc(out, func(q Protocol) bool { return q.Name == p.Name }) {
			out = append(out, p)
		}
	}
	return out
}

// matches reports whether the member supports exactly these protocols, in this order.
func (m *member) matches(protocols []Protocol) bool {
	return slices.EqualFunc(m.protocols, distinct(protocols), func(a, b Protocol) bool {
		return a.Name == b.Name && bytes.Equal(a.Metadata, b.Metadata)
	})
}

// subscription returns the member's subscription for a protocol.
func (m *member) subscription(protocol string) []byte {
	for _, p := range m.protocols {
		if p.Name == protocol {
			return p.Metadata
		}
	}
	return nil
}

// insert adds a member to the group. The first one sets the group's protocol type and becomes the leader.
func (g *Group) insert(m *member) {
	if m.instanceID != "" {
		g.static[m.instanceID] = m.id
	}
	if g.leader == "" {
		g.leader = m.id
	}
	g.members[m.id] = m
	g.order = append(g.order, m)
	g.count(m, 1)
	g.forgetPending(m.id)
}

// remove removes a member, pending or not, from the group. Its waiting requests get fault.UnknownMemberID, so that it
// joins again if it is still alive.
func (g *Group) remove(memberID string) {
	g.forgetPending(memberID)
	m := g.members[memberID]
	if m == nil {
		return
	}
	g.answerJoin(m, JoinResponse{Generation: -1, Err: fault.UnknownMemberID})
	g.answerSync(m, SyncResponse{Err: fault.UnknownMemberID})
	g.count(m, -1)
	delete(g.members, memberID)
	g.order = slices.DeleteFunc(g.order, func(o *member) bool { return o == m })
	if m.instanceID != "" {
		delete(g.static, m.instanceID)
	}
	if g.leader == memberID {
		g.leader = ""
		if len(g.order) > 0 {
			g.leader = g.order[0].id
		}
	}
}

// rename gives a static member another id; leadership goes with it.
func (g *Group) rename(m *member, id string) {
	delete(g.members, m.id)
	if g.leader == m.id {
		g.leader = id
	}
	g.weight += 2 * (len(id) - len(m.id))
	m.id = id
	g.members[id] = m
	g.static[m.instanceID] = id
}

// change changes a member's protocols and time-outs by calling by.
func (g *Group) change(m *member, by func()) {
	g.count(m, -1)
	by()
	g.count(m, 1)
}

// expect adds a pending member, which has to rejoin with its id before until.
func (g *Group) expect(id string, until time.Time) {
	g.pending[id] = until
	g.weight += pendingSize + len(id)
}

// forgetPending removes a pending member.
func (g *Group) forgetPending(id string) {
	if _, ok := g.pending[id]; ok {
		delete(g.pending, id)
		g.weight -= pendingSize + len(id)
	}
}

// count adds n times the member to the group's size and to the supporters of its protocols.
func (g *Group) count(m *member, n int) {
	g.weight += n * m.weight()
	for _, p := range m.protocols {
		if g.supported[p.Name] += n; g.supported[p.Name] == 0 {
			delete(g.supported, p.Name)
		}
	}
}

// keepAlive extends the member's session.
func (g *Group) keepAlive(m *member) { g.schedule(&m.deadline, m.session) }

// supports reports whether a member with these protocols can be in the group.
func (g *Group) supports(protocolType string, protocols []Protocol) bool {
	if g.state == Empty {
		return protocolType != "" && len(protocols) > 0
	}
	return g.protocolType == protocolType && slices.ContainsFunc(protocols, func(p Protocol) bool {
		return g.supported[p.Name] == len(g.members)
	})
}

// vote selects the protocol: among those that all members support, the one that most of them prefer. In a tie, the
// preference of the member that has been in the group for longest decides.
func (g *Group) vote() string {
	votes := map[string]int{}
	best := ""
	for _, m := range g.order {
		for _, p := range m.protocols {
			if g.supported[p.Name] == len(g.members) {
				votes[p.Name]++
				break
			}
		}
	}
	for _, m := range g.order {
		for _, p := range m.protocols {
			if votes[p.Name] > votes[best] {
				best = p.Name
			}
		}
	}
	return best
}

// allJoined reports whether all members have joined in PreparingRebalance.
func (g *Group) allJoined() bool {
	return len(g.pending) == 0 && !slices.ContainsFunc(g.order, func(m *member) bool { return m.join == nil })
}

// joinedCount returns the number of members that wait for the answer to their Join.
func (g *Group) joinedCount() (n int) {
	for _, m := range g.order {
		if m.join != nil {
			n++
		}
	}
	return n
}

// rebalanceTimeout is the longest of the members'.
func (g *Group) rebalanceTimeout() (longest time.Duration) {
	for _, m := range g.order {
		longest = max(longest, m.rebalance)
	}
	return longest
}

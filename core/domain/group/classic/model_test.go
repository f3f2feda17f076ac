package classic

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

// modelClient is a consumer that follows the protocol as far as it lives.
type modelClient struct {
	name       string
	instance   string
	memberID   string
	generation int32
	phase      string // "idle", "joining", "joined", "syncing", "stable", "dead"
	waiter     string
	leads      bool
	members    []JoinedMember
	assignment []byte

	subscription string
}

// model drives a group with clients that join, leave, restart and die, with slow appends and with crashes of the
// coordinator. It checks the group against the promises of the protocol.
type model struct {
	*harness
	rt      *rapid.T
	clients []*modelClient
	durable []group.Record
	highest int32
	// given holds the assignments of the leaders since the coordinator has started: generation → member → assignment.
	given  map[int32]map[string][]byte
	fenced map[string]bool // member ids whose place a twin has taken
}

func newModel(rt *rapid.T) *model {
	delay := rapid.SampledFrom([]time.Duration{0, 3 * time.Second}).Draw(rt, "initial delay")
	m := &model{rt: rt, given: map[int32]map[string][]byte{}, fenced: map[string]bool{}}
	m.harness = newHarness(rt, Settings{InitialRebalanceDelay: delay, MaxSize: rapid.IntRange(2, 6).Draw(rt, "max size")})
	for i := range 5 {
		c := &modelClient{name: fmt.Sprint("c", i), phase: "idle"}
		if i%2 == 1 {
			c.instance = c.name
		}
		m.clients = append(m.clients, c)
	}
	return m
}

// act lets a client do its next step.
func (m *model) act(c *modelClient, leave bool) {
	switch c.phase {
	case "dead":
		c.phase, c.memberID = "idle", ""
	case "idle":
		req := request(c.memberID, c.instance)
		req.RequireMemberID = true
		req.Client.ID = c.name
		req.Protocols[0].Metadata = subscription("orders", c.subscription)
		before := m.g.static[c.instance]
		c.waiter, c.phase = m.join(req), "joining"
		if now := m.g.static[c.instance]; before != "" && now != before {
			m.fenced[before] = true
		}
	case "joined":
		var assignments map[string][]byte
		if c.leads {
			assignments = map[string][]byte{}
			for i, o := range c.members {
				assignments[o.MemberID] = fmt.Appendf(nil, "%s of %d", o.MemberID, c.generation+int32(i)*1000)
			}
			if m.g.State() == CompletingRebalance && m.g.leader == c.memberID && m.g.Generation() == c.generation &&
				!m.g.assigning {
				if m.given[c.generation] != nil {
					m.rt.Fatalf("generation %d is assigned twice", c.generation)
				}
				m.given[c.generation] = assignments
			}
		}
		c.waiter, c.phase = m.sync(c.memberID, c.instance, c.generation, assignments), "syncing"
	case "stable":
		if leave {
			m.leave(LeaveMember{MemberID: c.memberID, InstanceID: c.instance})
			c.phase = "dead"
			return
		}
		switch fault.KindOf(m.heartbeat(c.memberID, c.instance, c.generation)) {
		case fault.None:
			if m.fenced[c.memberID] {
				m.rt.Fatalf("%s lives on after its twin has come", c.memberID)
			}
		case fault.RebalanceInProgress:
			c.phase = "idle"
		case fault.FencedInstanceID:
			c.phase = "dead"
		default:
			c.phase, c.memberID = "idle", ""
		}
	}
	m.read()
}

// read passes the answers to the clients.
func (m *model) read() {
	for _, c := range m.clients {
		switch c.phase {
		case "joining":
			r, ok := m.joins[c.waiter]
			if !ok {
				continue
			}
			switch fault.KindOf(r.Err) {
			case fault.None:
				c.memberID, c.generation, c.phase = r.MemberID, r.Generation, "joined"
				c.leads, c.members = r.Leader == r.MemberID && !r.SkipAssignment, r.Members
			case fault.MemberIDRequired:
				c.memberID, c.phase = r.MemberID, "idle"
			case fault.FencedInstanceID, fault.GroupMaxSizeReached:
				c.phase = "dead"
			case fault.UnknownMemberID:
				c.memberID, c.phase = "", "idle"
			default:
				c.phase = "idle"
			}
		case "syncing":
			r, ok := m.syncs[c.waiter]
			if !ok {
				continue
			}
			switch fault.KindOf(r.Err) {
			case fault.None:
				c.phase, c.assignment = "stable", r.Assignment
				want, known := m.given[c.generation]
				if known && !bytes.Equal(r.Assignment, want[c.memberID]) && !m.static(c) {
					m.rt.Fatalf("%s got %q in generation %d, its leader gave it %q", c.memberID, r.Assignment, c.generation,
						want[c.memberID])
				}
			case fault.FencedInstanceID:
				c.phase = "dead"
			case fault.RebalanceInProgress:
				c.phase = "idle"
			default:
				c.memberID, c.phase = "", "idle"
			}
		}
	}
}

// static reports whether the client may hold its assignment from a former member id.
func (m *model) static(c *modelClient) bool { return c.instance != "" }

// crash restarts the coordinator from a prefix of the log that holds what was durable.
func (m *model) crash() {
	kept := rapid.IntRange(0, len(m.held)).Draw(m.rt, "writes that made it to the disk")
	for _, w := range m.held[:kept] {
		m.durable = append(m.durable, w.Records...)
	}
	m.held, m.hold = nil, false
	m.log = append([]group.Record(nil), m.durable...)
	m.take(m.g.Abandon(m.now, fault.NotCoordinator))
	m.g = m.replay()
	m.highest = 0
	clear(m.given)
	clear(m.fenced)
	m.take(m.g.Restore(m.now, m.settings))
	m.read()
}

func (m *model) replay() *Group {
	g := NewFromLog("g")
	for _, r := range m.durable {
		g.Apply(r)
	}
	return g
}

// check checks the group against its promises.
func (m *model) check() {
	if !m.hold {
		m.durable = slices.Clip(m.log)
		again := m.replay()
		if !reflect.DeepEqual(m.g.metadata, again.metadata) {
			m.rt.Fatalf("replay gives another generation: %s", cmp.Diff(m.g.metadata, again.metadata))
		}
		if !reflect.DeepEqual(m.g.offsets, again.offsets) {
			m.rt.Fatalf("replay gives other offsets: %s", cmp.Diff(m.g.Offsets(), again.Offsets()))
		}
		if m.g.State() == Stable {
			live := described(m.g)
			live.StateTimestamp = m.g.metadata.StateTimestamp // the log has that of the state before
			if !reflect.DeepEqual(live, m.g.metadata) {
				m.rt.Fatalf("a stable group is not what its log says: %s", cmp.Diff(live, m.g.metadata))
			}
		}
	}
	if m.g.Generation() < m.highest {
		m.rt.Fatalf("generation fell from %d to %d", m.highest, m.g.Generation())
	}
	m.highest = m.g.Generation()
	if m.g.State() == Stable {
		owners := map[string]string{}
		for _, p := range m.g.order {
			if other := owners[string(p.assignment)]; other != "" && len(p.assignment) > 0 {
				m.rt.Fatalf("%s and %s have the same assignment %q", other, p.id, p.assignment)
			}
			owners[string(p.assignment)] = p.id
		}
	}
	if len(m.g.members) > m.settings.MaxSize && m.g.State() != PreparingRebalance {
		m.rt.Fatalf("%d members, more than group.max.size %d", len(m.g.members), m.settings.MaxSize)
	}
	if m.g.leader != "" && m.g.members[m.g.leader] == nil {
		m.rt.Fatalf("leader %s is no member", m.g.leader)
	}
	supported := map[string]int{}
	for _, p := range m.g.order {
		if p.deadline.IsZero() && p.join == nil && p.sync == nil {
			m.rt.Fatalf("%s waits for nothing and may be dead for ever", p.id)
		}
		for _, q := range p.protocols {
			supported[q.Name]++
		}
	}
	if !maps.Equal(supported, m.g.supported) {
		m.rt.Fatalf("the group has supporters %v, its members support %v", m.g.supported, supported)
	}
	if want := size(m.g); m.g.Size() != want {
		m.rt.Fatalf("Size() is %d, what the group holds takes %d", m.g.Size(), want)
	}
	for _, due := range deadlines(m.g) {
		if m.g.Wake().IsZero() || m.g.Wake().After(due) {
			m.rt.Fatalf("Wake() is %v, later than the deadline %v", m.g.Wake(), due)
		}
	}
}

// described is what the log must say of a stable group.
func described(g *Group) *group.Metadata {
	d := &group.Metadata{
		ProtocolType: group.ConsumerProtocolType, Generation: g.Generation(), Protocol: g.protocol, Leader: g.leader,
	}
	for _, p := range g.order {
		of := group.MemberMetadata{
			MemberID: p.id, InstanceID: p.instanceID, Client: p.client,
			RebalanceTimeout: p.rebalance, SessionTimeout: p.session, Assignment: p.assignment,
		}
		for _, q := range p.protocols {
			if q.Name == g.protocol {
				of.Subscription = q.Metadata
			}
		}
		d.Members = append(d.Members, of)
	}
	return d
}

// size counts what a group takes: so much for each of its parts, and the texts and bytes that these hold. Ids are
// held twice.
func size(g *Group) int {
	n := 1024 + len(g.id)
	for id := range g.pending {
		n += 128 + len(id)
	}
	for _, p := range g.members {
		n += 512 + 2*len(p.id) + 2*len(p.instanceID) + len(p.client.ID) + len(p.client.Host) + len(p.assignment)
		for _, q := range p.protocols {
			n += 64 + len(q.Name) + len(q.Metadata)
		}
	}
	topics := map[string]bool{}
	for _, o := range g.Offsets() {
		if !topics[o.Topic] {
			n += 640 + len(o.Topic)
		}
		topics[o.Topic] = true
		n += 208 + len(o.Metadata)
	}
	return n
}

// deadlines are the moments at which something has to be done about a group.
func deadlines(g *Group) []time.Time {
	all := append(slices.Collect(maps.Values(g.pending)), g.joinDeadline, g.syncDeadline)
	for _, p := range g.members {
		all = append(all, p.deadline)
	}
	return slices.DeleteFunc(all, time.Time.IsZero)
}

// calm lets the living clients go on until the group must be stable.
func (m *model) calm() {
	m.written(nil)
	for range 400 {
		for _, c := range m.clients {
			if c.phase != "dead" {
				m.act(c, false)
			}
		}
		m.pass(time.Second)
		m.read()
	}
	m.check()
	living := 0
	for _, c := range m.clients {
		if c.phase == "dead" {
			continue
		}
		living++
		if c.phase != "stable" || c.generation != m.g.Generation() || m.g.members[c.memberID] == nil {
			m.rt.Fatalf("%s is stuck in %q, generation %d; the group: %+v", c.name, c.phase, c.generation, m.g.Describe())
		}
	}
	want := Stable
	if living == 0 {
		want = Empty
	}
	if m.g.State() != want && !(living == 0 && m.g.State() == Dead) || len(m.g.members) != living {
		m.rt.Fatalf("%d clients live, the group is %v with %d members", living, m.g.State(), len(m.g.members))
	}
}

// Anomalies 14, 16 and 17, among others: whatever members and the coordinator's machine do, the group keeps its
// promises, and becomes stable without further faults.
func TestGroupsKeepTheirPromisesWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(rt)
		pick := func() *modelClient { return rapid.SampledFrom(m.clients).Draw(rt, "client") }
		round := func(*rapid.T) {
			for _, c := range m.clients {
				if c.phase != "dead" {
					m.act(c, false)
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":      func(*rapid.T) { m.check() },
			"act":   func(*rapid.T) { m.act(pick(), false) },
			"round": round, "round 2": round, "round 3": round, "round 4": round,
			"leave": func(*rapid.T) { m.act(pick(), true) },
			"die":   func(*rapid.T) { pick().phase = "dead" },
			"twin": func(*rapid.T) { // it restarts at once, whatever it was doing
				if c := pick(); c.phase != "dead" {
					c.phase, c.memberID = "idle", ""
				}
			},
			"change": func(*rapid.T) { // it subscribes to something else
				if c := pick(); c.phase == "stable" {
					c.phase, c.subscription = "idle", c.subscription+"x"
				}
			},
			"time": func(rt *rapid.T) {
				m.pass(time.Duration(rapid.IntRange(1, 12_000).Draw(rt, "ms")) * time.Millisecond)
				m.read()
			},
			"hold":    func(*rapid.T) { m.hold = true },
			"written": func(*rapid.T) { m.written(nil); m.read() },
			"crash": func(rt *rapid.T) {
				if rapid.IntRange(0, 3).Draw(rt, "crash?") == 0 {
					m.crash()
				}
			},
			"commit": func(*rapid.T) {
				c := pick()
				if c.phase == "stable" {
					err := m.commit(c.memberID, c.instance, c.generation,
						map[int32]int64{rapid.Int32Range(0, 3).Draw(rt, "partition"): rapid.Int64Range(0, 9).Draw(rt, "offset")})
					if err == nil && m.fenced[c.memberID] {
						rt.Fatalf("%s commits after its twin has come", c.memberID)
					}
				}
			},
		})
		m.calm()
	})
}

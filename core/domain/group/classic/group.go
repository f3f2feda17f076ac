package classic

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

// State is the state of a group between two generations.
type State int8

// The states. Their names are Kafka's.
const (
	Empty               State = iota // no members; perhaps offsets
	PreparingRebalance               // waiting for the members to join
	CompletingRebalance              // waiting for the leader's assignment
	Stable                           // every member has, or may fetch, its assignment
	Dead                             // deleted, or coordinated by another broker
)

// String returns the state as Kafka spells it.
func (s State) String() string {
	return [...]string{"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"}[s]
}

// NewMemberTimeout is how long a new member's Join may wait before the member is removed. It cannot send heartbeats as
// long as it does not know its id.
const NewMemberTimeout = 5 * time.Minute

// Settings are the broker's configs for groups.
type Settings struct {
	InitialRebalanceDelay time.Duration // group.initial.rebalance.delay.ms (KIP-134)
	MaxSize               int           // group.max.size
}

// Group is one consumer group as a state machine. Its methods are its steps: each takes the current time where time
// matters, changes the group, and returns what the caller has to do. A Group is not safe for concurrent use, and has no
// goroutine and no clock.
//
// The durable part of a group, its Metadata and its offsets, changes in Apply only: during a replay for every record of
// the log, and live for every record that has become durable (see Written). Everything else, such as waiting requests
// and deadlines, is rebuilt from that by Restore.
type Group struct {
	id           string
	state        State
	previous     State
	since        int64 // milliseconds: when the group entered state, -1 if unknown
	protocolType string
	protocol     string // the one selected for the generation
	generation   int32
	leader       string // member id, "" for none
	settings     Settings

	members   map[string]*member
	order     []*member            // the members in the order in which they have joined
	static    map[string]string    // instance id → member id
	pending   map[string]time.Time // members that have to rejoin with their id (KIP-394), and until when
	supported map[string]int       // protocol → number of members that support it
	topics    map[string]bool      // the topics that the members subscribe to
	parsed    bool                 // topics is known
	unwritten bool                 // the log has no record of the group yet
	weight    int                  // bytes that members and pending ones take
	assigning bool                 // the generation's assignment is being written to the log

	joinDeadline time.Time // end of PreparingRebalance
	initial      initialDelay
	syncDeadline time.Time // when members that have not synced are removed
	wake         time.Time

	metadata *group.Metadata
	offsets  *group.Offsets
	writes   int // batches that are not durable yet

	now time.Time // of the step that runs
	fx  Effects   // of the step that runs
}

// initialDelay is the state of an empty group's first rebalance (KIP-134).
type initialDelay struct {
	running          bool
	delay, remaining time.Duration
	joined           bool // a member has joined during the delay
}

// New returns an empty group without records in the log.
func New(id string, now time.Time) *Group {
	return &Group{
		id: id, previous: Dead, since: now.UnixMilli(), unwritten: true,
		members: map[string]*member{}, static: map[string]string{}, pending: map[string]time.Time{},
		supported: map[string]int{},
		topics:    map[string]bool{}, offsets: group.NewOffsets(id),
	}
}

// NewFromLog returns a group that is being loaded: Apply is called for each of its records, and then Restore.
func NewFromLog(id string) *Group {
	g := New(id, time.Time{})
	g.since, g.unwritten = -1, false
	return g
}

// ID returns the group's id.
func (g *Group) ID() string { return g.id }

// State returns the group's state.
func (g *Group) State() State { return g.state }

// Dead reports whether the group was deleted or abandoned. Its last records may not be durable yet.
func (g *Group) Dead() bool { return g.state == Dead }

// Generation returns the group's generation.
func (g *Group) Generation() int32 { return g.generation }

// Vacant reports whether nothing is left of the group: no member, no offset, no record in the log, durable or not.
func (g *Group) Vacant() bool {
	return len(g.members) == 0 && len(g.pending) == 0 && g.offsets.Empty() && g.metadata == nil && g.writes == 0
}

// Wake returns when Expire has to be called next; the zero time for never. It may be earlier than necessary, but never
// later.
func (g *Group) Wake() time.Time { return g.wake }

// Apply applies a record of the log. Only this changes the durable part of the group.
func (g *Group) Apply(r group.Record) {
	switch r := r.(type) {
	case group.MetadataRecord:
		g.metadata = r.Metadata
	case group.OffsetRecord:
		g.offsets.Apply(r)
	}
}

// Restore ends the loading of a group: its members get full sessions, and a group that is now too large rebalances.
func (g *Group) Restore(now time.Time, s Settings) Effects {
	g.begin(now)
	g.settings = s
	m := g.metadata
	if m == nil {
		return g.end()
	}
	g.protocolType, g.protocol = m.ProtocolType, m.Protocol
	g.generation, g.leader, g.since = m.Generation, m.Leader, m.StateTimestamp
	for _, p := range m.Members {
		g.insert(restored(p, m.Protocol))
		g.keepAlive(g.members[p.MemberID])
	}
	if len(g.members) > 0 {
		g.state = Stable
	}
	g.parseTopics()
	if len(g.members) > s.MaxSize {
		g.prepareRebalance("the loaded group has more members than group.max.size")
	}
	return g.end()
}

// Written continues the step that has asked for w. Its records are durable if err is nil, and otherwise never will be.
// It must be called in the order of the log.
func (g *Group) Written(now time.Time, w Write, err error) Effects {
	g.begin(now)
	g.writes--
	g.offsets.End(w.Records)
	if err == nil {
		for _, r := range w.Records {
			g.Apply(r)
		}
	}
	switch w.purpose {
	case toAssign:
		g.assigned(w, err)
	case toReplaceStatic:
		g.replacedStatic(w, err)
	case toCreate:
		if err != nil {
			g.abandon(err)
		}
	case toDelete:
		if err != nil {
			g.state = Empty
		}
	case toRecord: // no request waits for it
	}
	return g.end()
}

// Abandon answers all waiting requests with err and leaves the group Dead. It is called when another coordinator has
// taken over, or when the log has to be loaded again.
func (g *Group) Abandon(now time.Time, err error) Effects {
	g.begin(now)
	g.abandon(err)
	return g.end()
}

func (g *Group) abandon(err error) {
	for _, m := range g.order {
		g.answerJoin(m, JoinResponse{Generation: -1, MemberID: m.id, Err: err})
		g.answerSync(m, SyncResponse{Err: err})
	}
	g.state, g.wake = Dead, time.Time{}
}

// begin opens a step; end closes it.
func (g *Group) begin(now time.Time) { g.now, g.fx = now, Effects{} }

func (g *Group) end() Effects {
	fx := g.fx
	g.fx = Effects{}
	return fx
}

func (g *Group) transition(to State) {
	g.previous, g.state, g.since = g.state, to, g.now.UnixMilli()
}

// schedule sets a deadline.
func (g *Group) schedule(deadline *time.Time, after time.Duration) {
	*deadline = g.now.Add(after)
	if g.wake.IsZero() || deadline.Before(g.wake) {
		g.wake = *deadline
	}
}

// emit asks for a batch of records.
func (g *Group) emit(w Write) { g.fx.Writes = append(g.fx.Writes, g.track(w)) }

// track counts w, unless it is empty, as not durable yet.
func (g *Group) track(w Write) Write {
	if len(w.Records) > 0 {
		g.writes++
	}
	g.offsets.Begin(w.Records)
	return w
}

// record returns the record of the group's generation; m is nil for a tombstone.
func (g *Group) record(m *group.Metadata) []group.Record {
	return []group.Record{group.MetadataRecord{Group: g.id, Metadata: m}}
}

// image returns the group's generation as its log keeps it, with these assignments.
func (g *Group) image(assignment func(*member) []byte) *group.Metadata {
	m := &group.Metadata{
		ProtocolType: g.protocolType, Generation: g.generation, Leader: g.leader, StateTimestamp: g.since,
	}
	if len(g.members) > 0 {
		m.Protocol = g.protocol
	}
	for _, p := range g.order {
		m.Members = append(m.Members, group.MemberMetadata{
			MemberID: p.id, InstanceID: p.instanceID, Client: p.client,
			RebalanceTimeout: p.rebalance, SessionTimeout: p.session,
			Subscription: p.subscription(g.protocol), Assignment: assignment(p),
		})
	}
	return m
}

// parseTopics sets the topics that the members subscribe to. They stay unknown if a subscription is not that of a Kafka
// consumer.
func (g *Group) parseTopics() {
	clear(g.topics)
	g.parsed = false
	if g.protocolType != group.ConsumerProtocolType {
		return
	}
	for _, m := range g.order {
		topics, ok := group.SubscribedTopics(m.subscription(g.protocol))
		if !ok {
			clear(g.topics)
			return
		}
		for _, t := range topics {
			g.topics[t] = true
		}
	}
	g.parsed = true
}

// subscribes reports whether members may be consuming the topic.
func (g *Group) subscribes(topic string) bool {
	if g.parsed {
		return g.topics[topic]
	}
	return g.protocolType == group.ConsumerProtocolType
}

// checkMember checks the member that a request names.
func (g *Group) checkMember(memberID, instanceID string) error {
	if instanceID != "" {
		switch holder, ok := g.static[instanceID]; {
		case !ok:
			return fault.UnknownMemberID
		case holder != memberID:
			return fault.FencedInstanceID
		}
	}
	if g.members[memberID] == nil {
		return fault.UnknownMemberID
	}
	return nil
}

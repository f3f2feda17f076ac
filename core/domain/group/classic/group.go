package classic

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

// State is where a group stands between two generations.
type State int8

// The states. Their names are Kafka's.
const (
	Empty               State = iota // no members; perhaps offsets
	PreparingRebalance               // waiting for the members to join
	CompletingRebalance              // waiting for the leader's assignment
	Stable                           // every member has, or may fetch, its assignment
	Dead                             // deleted, or handed over to another coordinator
)

// String returns the state as Kafka spells it.
func (s State) String() string {
	return [...]string{"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"}[s]
}

// NewMemberTimeout is how long a new member's join waits before the member counts as gone: it cannot send
// heartbeats as long as it does not know its id.
const NewMemberTimeout = 5 * time.Minute

// Settings are the broker's configs that rule groups.
type Settings struct {
	InitialRebalanceDelay time.Duration // group.initial.rebalance.delay.ms (KIP-134)
	MaxSize               int           // group.max.size
}

// Group is one consumer group as a state machine. Its methods are its steps: each takes the present
// time where time matters, changes the group, and returns what is to be done outside. A Group is not safe for
// concurrent use, has no goroutine and no clock.
//
// What a group durably is, its Metadata and its offsets, changes in Apply only: at replay for every
// record of the log, live for every record that has become durable (see Written). All the rest (who waits
// for what, and until when) is made from that by Restore.
type Group struct {
	id           string
	state        State
	previous     State
	since        int64 // milliseconds: when the group came into state, -1 when unknown
	protocolType string
	protocol     string // the one selected for the generation
	generation   int32
	leader       string // member id, "" for none
	settings     Settings

	members   map[string]*member
	order     []*member            // the members in the order in which they came
	static    map[string]string    // instance id → member id
	pending   map[string]time.Time // members that were told to come back with their id, and until when
	supported map[string]int       // protocol → number of members that support it
	topics    map[string]bool      // what the members subscribe to
	parsed    bool                 // topics is known
	unwritten bool                 // nothing in the log says yet that the group exists
	weight    int                  // bytes that members and pending ones take
	assigning bool                 // the generation's assignment is on its way to the log

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
	joined           bool // a member has come during the delay
}

// New returns an empty group that no log knows yet.
func New(id string, now time.Time) *Group {
	return &Group{
		id: id, previous: Dead, since: now.UnixMilli(), unwritten: true,
		members: map[string]*member{}, static: map[string]string{}, pending: map[string]time.Time{},
		supported: map[string]int{},
		topics:    map[string]bool{}, offsets: group.NewOffsets(id),
	}
}

// NewFromLog returns a group to which a log's records are to be given by Apply. Restore ends the loading.
func NewFromLog(id string) *Group {
	g := New(id, time.Time{})
	g.since, g.unwritten = -1, false
	return g
}

// ID returns the group's id.
func (g *Group) ID() string { return g.id }

// State returns the group's state.
func (g *Group) State() State { return g.state }

// Dead reports whether the group has been deleted or given up, though its last records may not be durable yet.
func (g *Group) Dead() bool { return g.state == Dead }

// Generation returns the group's generation.
func (g *Group) Generation() int32 { return g.generation }

// Vacant reports whether the group is nothing: no member, no offset, nothing in the log or on its way there.
func (g *Group) Vacant() bool {
	return len(g.members) == 0 && len(g.pending) == 0 && g.offsets.Empty() && g.metadata == nil && g.writes == 0
}

// Wake returns when Expire wants to be called next; the zero time for never. It may be earlier than
// necessary, never later.
func (g *Group) Wake() time.Time { return g.wake }

// Apply changes what the group durably is by a record of its log. It is the only way in which that changes.
func (g *Group) Apply(r group.Record) {
	switch r := r.(type) {
	case group.MetadataRecord:
		g.metadata = r.Metadata
	case group.OffsetRecord:
		g.offsets.Apply(r)
	}
}

// Restore brings a group that was loaded from its log to life: its members get a fresh session time-out,
// and a group that is now too large rebalances.
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

// Written continues the step that asked for w: its records are durable when err is nil, and otherwise are
// not and never will be. The records of one group must come here in the order of its log.
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
	case toRecord: // nobody waits for it
	}
	return g.end()
}

// Abandon answers everybody who waits with err and leaves the group Dead: another coordinator has taken
// over, or this one has lost its log.
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

// track notes that w, unless it is empty, is on its way to the log.
func (g *Group) track(w Write) Write {
	if len(w.Records) > 0 {
		g.writes++
	}
	g.offsets.Begin(w.Records)
	return w
}

// record returns the record that keeps the group's generation, nil for its end.
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

// parseTopics finds out what the members subscribe to. The topics stay unknown when a subscription is not one
// of Kafka's consumers.
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

// checkMember checks who a request says it comes from.
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

package classic_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
)

// TestTranscripts plays the stories in testdata: what members of a group send, and what the group answers. Time passes
// when a step says so. What the group writes to its log is durable at once, unless a step holds it back. story.step
// lists all steps.
//
// go test -run Transcripts -rewrite writes what happens now into the files. Read the difference.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s := &story{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), members: make(map[string]*consumer)}
			s.settings = classic.Settings{InitialRebalanceDelay: 3 * time.Second, MaxSize: 100}
			s.group = classic.New("readers", s.now)
			datadriven.RunTest(t, file, s.run)
		})
	}
}

// story is a group with its clients.
type story struct {
	t        *testing.T
	said     strings.Builder
	now      time.Time
	settings classic.Settings
	group    *classic.Group
	members  map[string]*consumer // by name
	held     []classic.Write
	hold     bool
}

// consumer is a client with what it knows about itself.
type consumer struct {
	name       string
	instance   string // of a static member
	starts     int
	id         string
	generation int32
	waits      bool // for the answer to a join or a sync
}

func (s *story) say(format string, args ...any) { fmt.Fprintf(&s.said, format+"\n", args...) }

// run plays one step, and returns what has happened.
func (s *story) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	s.said.Reset()
	state := s.described()
	s.step(d)
	if now := s.described(); now != state {
		s.say("the group is %s", now)
	}
	return s.said.String()
}

func (s *story) step(d *datadriven.TestData) {
	switch d.Cmd {
	case "join": // A: it asks for membership; static=id makes it a static member, restarted forgets its member id
		s.join(d)
	case "sync": // A: it asks for its assignment; the leader brings everybody's: A=0,1 B=2
		s.sync(d)
	case "heartbeat": // A
		for _, m := range s.named(d) {
			req := &classic.HeartbeatRequest{Group: "readers", MemberID: m.id, InstanceID: m.instance, Generation: m.generation}
			s.say("%s is told: %s", m.name, outcome(s.group.Heartbeat(s.now, req)))
		}
	case "leave": // A
		for _, m := range s.named(d) {
			fx, err := s.group.Leave(s.now, []classic.LeaveMember{{MemberID: m.id, InstanceID: m.instance}})
			s.say("%s is told: %s", m.name, outcome(err))
			s.take(fx)
		}
	case "pass": // 3s: time passes, and the group wakes when it wants to be woken
		s.pass(d)
	case "hold": // the log takes a while from now on
		s.hold = true
	case "written": // what was held back is durable
		s.hold = false
		held := s.held
		s.held = nil
		for _, w := range held {
			s.write(w)
		}
	default:
		d.Fatalf(s.t, "there is no step %s", d.Cmd)
	}
}

// described is the group's state, its generation and its members.
func (s *story) described() string {
	var ids []string
	for _, m := range s.group.Describe().Members {
		ids = append(ids, m.MemberID)
	}
	slices.Sort(ids)
	return fmt.Sprintf("%v, generation %d, members %v", s.group.State(), s.group.Generation(), ids)
}

// named returns the members that the step names.
func (s *story) named(d *datadriven.TestData) (all []*consumer) {
	for _, arg := range d.CmdArgs {
		if len(arg.Vals) > 0 || arg.Key == "restarted" {
			continue
		}
		m := s.members[arg.Key]
		if m == nil {
			m = &consumer{name: arg.Key}
			s.members[arg.Key] = m
		}
		all = append(all, m)
	}
	return all
}

func (s *story) join(d *datadriven.TestData) {
	for _, m := range s.named(d) {
		if d.HasArg("static") {
			d.ScanArgs(s.t, "static", &m.instance)
		}
		if d.HasArg("restarted") {
			m.id, m.generation = "", -1
		}
		m.starts++
		m.waits = true
		fx := s.group.Join(s.now, s.settings, &classic.JoinRequest{
			Group: "readers", MemberID: m.id, InstanceID: m.instance, ProtocolType: group.ConsumerProtocolType,
			Protocols:      []classic.Protocol{{Name: "range", Metadata: []byte("orders")}},
			SessionTimeout: 10 * time.Second, RebalanceTimeout: 30 * time.Second,
			Client: group.Client{ID: m.name, Host: "/127.0.0.1"}, RequireMemberID: true, CanSkipAssignment: true,
		}, strconv.Itoa(m.starts), func(r classic.JoinResponse) { s.joined(m, r) })
		s.take(fx)
		s.sayWaits(m)
	}
}

// joined applies the answer of a join to a member.
func (s *story) joined(m *consumer, r classic.JoinResponse) {
	m.waits = false
	if r.MemberID != "" {
		m.id = r.MemberID
	}
	if r.Err != nil {
		s.say("%s is told: %s; its member id is %q", m.name, outcome(r.Err), m.id)
		return
	}
	m.generation = r.Generation
	role := "follows"
	if r.Leader == m.id {
		role = "leads"
	}
	s.say("%s, as %s, has joined generation %d and %s", m.name, m.id, r.Generation, role)
	if len(r.Members) > 0 {
		var ids []string
		for _, other := range r.Members {
			ids = append(ids, other.MemberID)
		}
		slices.Sort(ids)
		s.say("%s is to assign partitions to %v", m.name, ids)
	}
	if r.SkipAssignment {
		s.say("%s keeps the assignment that there is", m.name)
	}
}

func (s *story) sync(d *datadriven.TestData) {
	assignments := make(map[string][]byte)
	for _, arg := range d.CmdArgs {
		if len(arg.Vals) > 0 {
			assignments[s.members[arg.Key].id] = []byte(strings.Join(arg.Vals, ","))
		}
	}
	for _, m := range s.named(d) {
		req := &classic.SyncRequest{Group: "readers", MemberID: m.id, InstanceID: m.instance, Generation: m.generation}
		if len(assignments) > 0 {
			req.Assignments = assignments
		}
		m.waits = true
		s.take(s.group.Sync(s.now, req, func(r classic.SyncResponse) { s.synced(m, r) }))
		s.sayWaits(m)
	}
}

// sayWaits writes that a member has no answer yet.
func (s *story) sayWaits(m *consumer) {
	if m.waits {
		s.say("%s waits", m.name)
	}
}

func (s *story) synced(m *consumer, r classic.SyncResponse) {
	m.waits = false
	if r.Err != nil {
		s.say("%s is told: %s", m.name, outcome(r.Err))
		return
	}
	s.say("%s is assigned %q", m.name, r.Assignment)
}

// pass lets time go by.
func (s *story) pass(d *datadriven.TestData) {
	took, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		d.Fatalf(s.t, "%v", err)
	}
	until := s.now.Add(took)
	for wake := s.group.Wake(); !wake.IsZero() && !wake.After(until); wake = s.group.Wake() {
		if wake.After(s.now) {
			s.now = wake
		}
		s.take(s.group.Expire(s.now))
	}
	s.now = until
}

// take carries out the group's effects.
func (s *story) take(fx classic.Effects) {
	for _, a := range fx.Joins {
		a.To(a.JoinResponse)
	}
	for _, a := range fx.Syncs {
		a.To(a.SyncResponse)
	}
	for _, w := range fx.Writes {
		switch {
		case len(w.Records) == 0:
		case s.hold:
			s.held = append(s.held, w)
		default:
			s.write(w)
		}
	}
}

func (s *story) write(w classic.Write) {
	s.say("the group's state is written")
	s.take(s.group.Written(s.now, w, nil))
}

// outcome is what an answer says, beside what it carries.
func outcome(err error) string {
	if err == nil {
		return "done"
	}
	return fault.KindOf(err).Error()
}

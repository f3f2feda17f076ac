package classic

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

// failer is a test, or a check within one.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// harness drives one group: it keeps the clock and the log, and remembers the answers. Writes become
// durable at once unless hold is set.
type harness struct {
	t        failer
	now      time.Time
	settings Settings
	g        *Group
	log      []group.Record
	held     []Write
	hold     bool
	joins    map[string]JoinResponse
	syncs    map[string]SyncResponse
	events   []Event
	ids      int
}

func newHarness(t failer, s Settings) *harness {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &harness{
		t: t, now: now, settings: s, g: New("g", now), joins: map[string]JoinResponse{},
		syncs: map[string]SyncResponse{},
	}
}

func (h *harness) take(fx Effects) {
	for _, a := range fx.Joins {
		a.To(a.JoinResponse)
	}
	for _, a := range fx.Syncs {
		a.To(a.SyncResponse)
	}
	h.events = append(h.events, fx.Events...)
	for _, w := range fx.Writes {
		h.append(w)
	}
}

func (h *harness) append(w Write) {
	if len(w.Records) == 0 {
		return
	}
	h.log = append(h.log, w.Records...)
	if h.hold {
		h.held = append(h.held, w)
		return
	}
	h.take(h.g.Written(h.now, w, nil))
}

// written makes the held writes durable, or fails them with err.
func (h *harness) written(err error) {
	h.hold = false
	for len(h.held) > 0 {
		w := h.held[0]
		h.held = h.held[1:]
		if err != nil {
			h.log = h.log[:len(h.log)-len(w.Records)]
		}
		h.take(h.g.Written(h.now, w, err))
	}
}

// pass lets time pass, and calls Expire whenever the group asks for it.
func (h *harness) pass(d time.Duration) {
	until := h.now.Add(d)
	for range 100_000 {
		wake := h.g.Wake()
		if wake.IsZero() || wake.After(until) {
			h.now = until
			return
		}
		if wake.After(h.now) {
			h.now = wake
		}
		h.take(h.g.Expire(h.now))
	}
	h.t.Fatal("the group asks to be woken again and again")
}

// request returns a Join with the usual values.
func request(memberID, instanceID string) *JoinRequest {
	return &JoinRequest{
		Group: "g", MemberID: memberID, InstanceID: instanceID, ProtocolType: "consumer",
		Protocols:      []Protocol{{Name: "range", Metadata: subscription("orders")}},
		SessionTimeout: 10 * time.Second, RebalanceTimeout: 30 * time.Second,
		Client:            group.Client{ID: "client", Host: "/127.0.0.1"},
		CanSkipAssignment: true,
	}
}

func subscription(topics ...string) []byte {
	b := []byte{0, 1, 0, 0, 0, byte(len(topics))}
	for _, t := range topics {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(t))), t...)
	}
	return append(b, 0xff, 0xff, 0xff, 0xff)
}

// join sends a Join and returns the name of its waiter.
func (h *harness) join(req *JoinRequest) string {
	h.ids++
	w := fmt.Sprintf("join-%d", h.ids)
	h.take(h.g.Join(h.now, h.settings, req, strconv.Itoa(h.ids), func(r JoinResponse) { h.joins[w] = r }))
	return w
}

func (h *harness) sync(memberID, instanceID string, generation int32, assignments map[string][]byte) string {
	h.ids++
	w := fmt.Sprintf("sync-%d", h.ids)
	req := &SyncRequest{
		Group: "g", MemberID: memberID, InstanceID: instanceID, Generation: generation,
		Assignments: assignments,
	}
	h.take(h.g.Sync(h.now, req, func(r SyncResponse) { h.syncs[w] = r }))
	return w
}

func (h *harness) heartbeat(memberID, instanceID string, generation int32) error {
	return h.g.Heartbeat(h.now, &HeartbeatRequest{
		Group: "g", MemberID: memberID,
		InstanceID: instanceID, Generation: generation,
	})
}

func (h *harness) leave(members ...LeaveMember) []LeaveMember {
	fx, err := h.g.Leave(h.now, members)
	if err != nil {
		h.t.Fatal(err)
	}
	h.take(fx)
	return members
}

func (h *harness) commit(memberID, instanceID string, generation int32, offsets map[int32]int64) error {
	req := &group.CommitRequest{
		Group: "g", MemberID: memberID, InstanceID: instanceID, Generation: generation,
		Retention: -1,
	}
	for p, o := range offsets {
		req.Offsets = append(req.Offsets, group.OffsetCommit{TopicPartition: group.TopicPartition{
			Topic:     "orders",
			Partition: p,
		}, Offset: group.Offset{Offset: o, LeaderEpoch: -1}})
	}
	w, err := h.g.Commit(h.now, req, 4096)
	if err != nil {
		return err
	}
	h.append(w)
	return nil
}

// joined returns the answer of a Join. There must be one.
func (h *harness) joined(waiter string) JoinResponse {
	h.t.Helper()
	r, ok := h.joins[waiter]
	if !ok {
		h.t.Fatalf("%s was not answered; the group is %+v", waiter, h.g.Describe())
	}
	return r
}

func (h *harness) synced(waiter string) SyncResponse {
	h.t.Helper()
	r, ok := h.syncs[waiter]
	if !ok {
		h.t.Fatalf("%s was not answered; the group is %+v", waiter, h.g.Describe())
	}
	return r
}

func (h *harness) waits(waiter string) {
	h.t.Helper()
	if r, ok := h.joins[waiter]; ok {
		h.t.Fatalf("%s was answered %+v, want it to wait", waiter, r)
	}
	if r, ok := h.syncs[waiter]; ok {
		h.t.Fatalf("%s was answered %+v, want it to wait", waiter, r)
	}
}

func (h *harness) is(state State) {
	h.t.Helper()
	if h.g.State() != state {
		h.t.Fatalf("group is %v, want %v", h.g.State(), state)
	}
}

func (h *harness) kind(err error, want fault.Kind) {
	h.t.Helper()
	if got := fault.KindOf(err); got != want {
		h.t.Fatalf("answer %v, want %v", err, want)
	}
}

// stable brings members (instance ids, "" for dynamic ones) into a Stable group and returns their member
// ids; the first leads. Each is assigned its own position.
func (h *harness) stable(instances ...string) []string {
	h.t.Helper()
	var waiters, ids []string
	for _, instance := range instances {
		waiters = append(waiters, h.join(request("", instance)))
	}
	h.pass(h.settings.InitialRebalanceDelay * 2)
	if h.settings.InitialRebalanceDelay == 0 && len(instances) > 1 { // the first has got a generation of its own
		first := h.joined(waiters[0]).MemberID
		waiters[0] = h.join(request(first, instances[0]))
	}
	assignments := map[string][]byte{}
	for i, w := range waiters {
		r := h.joined(w)
		h.kind(r.Err, fault.None)
		ids = append(ids, r.MemberID)
		assignments[r.MemberID] = []byte{byte(i)}
	}
	leader := h.joined(waiters[0]).Leader
	for i, id := range ids {
		if id == leader {
			h.sync(id, instances[i], h.g.Generation(), assignments)
		}
	}
	for i, id := range ids {
		r := h.synced(h.sync(id, instances[i], h.g.Generation(), nil))
		if r.Err != nil || len(r.Assignment) != 1 || r.Assignment[0] != byte(i) {
			h.t.Fatalf("assignment of %s = %+v, want %d", id, r, i)
		}
	}
	h.is(Stable)
	return ids
}

//go:build raft

package raftnode

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// long is how long a test waits for what must happen.
const long = 20 * time.Second

var events = Group{Topic: "events"}

func logTo(t *testing.T) *slog.Logger {
	t.Helper()
	if testing.Verbose() && os.Getenv("RAFT_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// state is a state machine that lists what was applied. It stands for a disk: it outlives its replica.
type state struct {
	mu       sync.Mutex
	Index    uint64
	Entries  []string
	restored int
	grew     chan struct{} // closed when there is more
}

func newState() *state { return &state{grew: make(chan struct{})} }

func (s *state) Applied() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Index
}

func (s *state) Update(entries iter.Seq2[uint64, []byte]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for index, data := range entries {
		s.Index, s.Entries = index, append(s.Entries, string(data))
	}
	s.grown()
	return nil
}

func (s *state) grown() {
	close(s.grew)
	s.grew = make(chan struct{})
}

func (s *state) Sync() error { return nil }

func (s *state) Snapshot() (func(io.Writer) error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := state{Index: s.Index, Entries: slices.Clone(s.Entries)}
	return func(w io.Writer) error { return json.NewEncoder(w).Encode(&taken) }, nil
}

func (s *state) Restore(r io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restored++
	s.Entries = nil
	defer s.grown()
	return json.NewDecoder(r).Decode(s)
}

func (s *state) entries() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.Entries)
}

// await returns when the condition holds for the applied entries.
func (s *state) await(t *testing.T, what string, holds func([]string) bool) {
	t.Helper()
	timeout := time.After(long)
	for {
		s.mu.Lock()
		ok, grew := holds(s.Entries), s.grew
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-grew:
		case <-timeout:
			t.Fatalf("%s takes too long; applied: %d entries", what, len(s.entries()))
		}
	}
}

func (s *state) awaitEntry(t *testing.T, entry string) {
	t.Helper()
	s.await(t, "entry "+entry, func(entries []string) bool { return slices.Contains(entries, entry) })
}

// node is a node of a test's cluster: what it has on disk, and what runs of it.
type node struct {
	set     Settings
	state   *state
	manager *Manager
	replica *Replica
}

// newNode returns a node that does not run yet.
func newNode(t *testing.T, id int32) *node {
	t.Helper()
	set := DefaultSettings()
	set.Dir = t.TempDir()
	set.ClusterID = "test"
	set.NodeID = id
	set.Address = harness.FreeAddr(t)
	set.RTT, set.ElectionRTT, set.HeartbeatRTT = 10*time.Millisecond, 20, 2
	return &node{set: set, state: newState()}
}

// try starts the node.
func (n *node) try(t *testing.T, members Members) error {
	t.Helper()
	m, err := Open(n.set, logTo(t))
	if err != nil {
		return err
	}
	r, err := m.CreateReplica(t.Context(), events, members, n.state)
	if err != nil {
		return errors.Join(err, m.Close())
	}
	n.manager, n.replica = m, r
	t.Cleanup(func() { n.stop(t) })
	return nil
}

func (n *node) start(t *testing.T, members Members) {
	t.Helper()
	if err := n.try(t, members); err != nil {
		t.Fatal(err)
	}
}

func (n *node) stop(t *testing.T) {
	t.Helper()
	if n.manager == nil {
		return
	}
	if err := n.manager.Close(); err != nil {
		t.Error(err)
	}
	n.manager, n.replica = nil, nil
}

// propose proposes until it is done. An entry whose outcome is not known may be there twice.
func (n *node) propose(t *testing.T, entry string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	if err := again(ctx, func(ctx context.Context) error { return n.replica.Propose(ctx, []byte(entry)) }); err != nil {
		t.Fatalf("propose %s: %v", entry, err)
	}
}

// once returns the entries without those that were proposed again, as the outcome was not known in time.
func once(entries []string) (distinct []string) {
	for _, e := range entries {
		if !slices.Contains(distinct, e) {
			distinct = append(distinct, e)
		}
	}
	return distinct
}

// upTo returns the entries up to the first that is last.
func upTo(last string, entries []string) []string { return entries[:slices.Index(entries, last)+1] }

// again calls do until it succeeds or ctx ends, with a pause that grows with each attempt.
func again(ctx context.Context, do func(context.Context) error) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		err := do(attempt)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// cluster starts that many nodes; all are voters.
func cluster(t *testing.T, size int, change func(*Settings)) ([]*node, Members) {
	t.Helper()
	members := Members{Peers: map[int32]string{}}
	nodes := make([]*node, size)
	for id := range nodes {
		nodes[id] = newNode(t, int32(id))
		if change != nil {
			change(&nodes[id].set)
		}
		members.Peers[int32(id)] = nodes[id].set.Address
	}
	for _, n := range nodes {
		n.start(t, members)
	}
	return nodes, members
}

// leader waits until the node knows a leader, and returns it.
func (n *node) leader(t *testing.T) int32 {
	t.Helper()
	return n.awaitLeader(t, func(int32) bool { return true })
}

// awaitLeader waits until the node knows a leader that is right, and returns it.
func (n *node) awaitLeader(t *testing.T, right func(int32) bool) int32 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	for l := range n.replica.LeaderChanges(ctx) {
		if l.NodeID >= 0 && right(l.NodeID) {
			return l.NodeID
		}
	}
	leader, _ := n.replica.Leader()
	t.Fatalf("the leader, as node %d knows, is still %d", n.set.NodeID, leader)
	return -1
}

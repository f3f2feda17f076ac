//go:build raft

package raftnode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	dragonlogger "github.com/lni/dragonboat/v4/logger"
)

func TestAGroupOfOneAppliesWhatIsProposedAndKeepsIt(t *testing.T) {
	nodes, members := cluster(t, 1, nil)
	n := nodes[0]
	if n.leader(t) != 0 || !n.replica.IsLeader() {
		t.Error("the only node does not lead")
	}
	incarnation, boot := n.manager.Incarnation(), n.manager.Boot()
	want := []string{"a", "b", "c"}
	for _, entry := range want {
		n.propose(t, entry)
	}
	if diff := cmp.Diff(want, once(n.state.entries())); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	n.stop(t)
	for range 2 {
		n.start(t, members)
		n.stop(t)
	}
	n.start(t, Members{}) // the members are known by now
	if n.manager.Boot() != boot+3 || n.manager.Incarnation() != incarnation {
		t.Errorf("an old node: boot %d, same incarnation: %t", n.manager.Boot(), n.manager.Incarnation() == incarnation)
	}
	n.propose(t, "d")
	if diff := cmp.Diff(append(want, "d"), once(n.state.entries())); diff != "" {
		t.Errorf("applied after restarts (-want +got):\n%s", diff)
	}
}

func TestRestartsTakeNoSpace(t *testing.T) {
	nodes, members := cluster(t, 1, nil)
	n := nodes[0]
	n.propose(t, "a")
	for range 4 {
		n.stop(t)
		n.start(t, members)
		n.propose(t, "b")
	}
	var blocks int64
	err := filepath.WalkDir(n.set.Dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			blocks += info.Sys().(*syscall.Stat_t).Blocks
		}
		return err
	})
	const limit = 80 << 20 // Tan sets 64 MiB aside for the log that it writes
	if taken := blocks * 512; err != nil || taken > limit {
		t.Errorf("after four restarts %d bytes are taken, allowed %d: %v", taken, limit, err)
	}
}

// A wiped node gets its old proposals from the group's log. The boot distinguishes them from what it proposes now.
func TestANodeThatWasWipedBootsUnderANumberThatItHasNeverHad(t *testing.T) {
	nodes, members := cluster(t, 1, nil)
	n := nodes[0]
	n.stop(t)
	n.start(t, members)
	before, incarnation := n.manager.Boot(), n.manager.Incarnation()
	n.stop(t)
	if err := os.RemoveAll(n.path("")); err != nil {
		t.Fatal(err)
	}
	n.state = newState()
	n.start(t, members)
	if now := n.manager.Boot(); now <= before || n.manager.Incarnation() == incarnation {
		t.Errorf("boot %d after %d, same incarnation: %t", now, before, n.manager.Incarnation() == incarnation)
	}
}

func TestALostStateIsAppliedAgainFromTheLog(t *testing.T) {
	nodes, members := cluster(t, 1, nil)
	n := nodes[0]
	n.propose(t, "a")
	n.stop(t)
	n.state = newState()
	n.start(t, members)
	n.state.awaitEntry(t, "a")
}

func TestCloseEndsAReplicaOnceAndForAll(t *testing.T) {
	nodes, _ := cluster(t, 1, nil)
	n := nodes[0]
	n.propose(t, "a")
	replica := n.replica
	if got, ok := n.manager.Replica(events); !ok || got != replica {
		t.Errorf("Replica() = %p, %t", got, ok)
	}
	for range 2 {
		if err := replica.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
	if _, ok := n.manager.Replica(events); ok {
		t.Error("a closed replica is there")
	}
	if err := replica.Propose(t.Context(), []byte("b")); !errors.Is(err, ErrClosed) {
		t.Errorf("Propose() = %v", err)
	}
	if err := replica.Barrier(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Barrier() = %v", err)
	}
	if leader, ok := replica.Leader(); ok || leader != -1 {
		t.Errorf("Leader() = %d, %t", leader, ok)
	}
	for range 2 {
		if err := n.manager.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
	if err := replica.Close(); err != nil {
		t.Errorf("Close() after the manager's = %v", err)
	}
}

func TestAGroupHasOneReplicaOnANode(t *testing.T) {
	nodes, members := cluster(t, 1, nil)
	if _, err := nodes[0].manager.CreateReplica(t.Context(), events, members, newState()); err == nil {
		t.Error("a second replica of the group is made")
	}
}

func TestAnEndedContextEndsAProposal(t *testing.T) {
	nodes, _ := cluster(t, 1, nil)
	nodes[0].leader(t)
	nodes[0].state.mu.Lock() // nothing is applied meanwhile
	defer nodes[0].state.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := nodes[0].replica.Propose(ctx, []byte("a")); !errors.Is(err, context.Canceled) ||
		!errors.Is(err, ErrUnknown) {
		t.Errorf("Propose() = %v", err)
	}
}

func TestSettingsOutOfBoundsAreNamed(t *testing.T) {
	for text, change := range map[string]func(*Settings){
		"no data directory":         func(s *Settings) { s.Dir = "" },
		"no cluster id":             func(s *Settings) { s.ClusterID = "" },
		"node id -1 is negative":    func(s *Settings) { s.NodeID = -1 },
		"a raft tick of 1µs":        func(s *Settings) { s.RTT = 1000 },
		"an election after 4":       func(s *Settings) { s.ElectionRTT = 4 },
		"never cut":                 func(s *Settings) { s.SnapshotEntries = 0 },
		"needs a CA":                func(s *Settings) { s.TLS = &TLS{} },
		`"nowhere" is not`:          func(s *Settings) { s.Address = "nowhere" },
		`"localhost:0" is not`:      func(s *Settings) { s.Listen = "localhost:0" },
		"raft address \":\" is not": func(s *Settings) { s.Address = ":" },
	} {
		set := newNode(t, 1).set
		change(&set)
		if _, err := Open(set, logTo(t)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("Open() = %v, want %s", err, text)
		}
	}
}

func TestMembersMustNameThisNode(t *testing.T) {
	n := newNode(t, 1)
	for _, members := range []Members{
		{},
		{Peers: map[int32]string{2: n.set.Address}},
		{Peers: map[int32]string{1: "127.0.0.1:1"}},
		{Peers: map[int32]string{1: n.set.Address, 2: n.set.Address}},
		{Peers: map[int32]string{1: n.set.Address}, Join: true},
	} {
		if err := n.try(t, members); !errors.Is(err, errPeers) {
			t.Errorf("CreateReplica(%+v) = %v", members, err)
		}
	}
	n.start(t, Members{Peers: map[int32]string{1: n.set.Address}}) // the failed attempts have changed nothing
}

func TestWhatDragonboatSaysIsLogged(t *testing.T) {
	var text bytes.Buffer
	routeLogs(slog.New(slog.NewTextHandler(&text, nil)))
	l := routed{"test"}
	l.SetLevel(dragonlogger.DEBUG)
	l.Debugf("%s", "a detail")
	l.Infof("%s", "news")
	l.Warningf("warned %d times", 3)
	l.Errorf("%s", "an error")
	func() {
		defer func() {
			if r := fmt.Sprint(recover()); !strings.Contains(r, "disk full") {
				t.Errorf("Panicf panics with %s", r)
			}
		}()
		l.Panicf("%s", "disk full")
	}()
	for _, want := range []string{
		`level=WARN msg=raft package=test text="warned 3 times"`,
		`level=WARN msg=raft package=test text="an error"`,
		`level=ERROR msg="raft cannot go on, this node stops" package=test text="disk full"`,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("not logged: %s\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "detail") || strings.Contains(text.String(), "news") {
		t.Errorf("logged at info:\n%s", text.String())
	}
}

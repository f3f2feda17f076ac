//go:build raft

package raftnode

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stopped returns a node of a group of one that has applied some entries and was stopped.
func stopped(t *testing.T) (*node, Members) {
	t.Helper()
	nodes, members := cluster(t, 1, nil)
	n := nodes[0]
	for _, entry := range []string{"a", "b", "c"} {
		n.propose(t, entry)
	}
	n.stop(t)
	return n, members
}

func (n *node) path(name string) string { return filepath.Join(n.set.Dir, raftDir, name) }

func hostname(t *testing.T) string {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return host
}

func TestANodeWithAnothersDataIsRefused(t *testing.T) {
	for what, change := range map[string]func(*Settings){
		`belongs to node 0, this is node 7`:                   func(s *Settings) { s.NodeID = 7 },
		`belongs to cluster "test", this is "production"`:     func(s *Settings) { s.ClusterID = "production" },
		`the cluster knows node 0 at raft address 127.0.0.1:`: func(s *Settings) { s.Address = "localhost:1" },
	} {
		n, members := stopped(t)
		right := n.set
		change(&n.set)
		if err := n.try(t, members); !errors.Is(err, ErrWrongNode) || !strings.Contains(err.Error(), what) {
			t.Errorf("Open() = %v, want %s", err, what)
		}
		n.set = right
		n.start(t, members)
	}
}

func TestANodeWithLostDataIsRefused(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, n *node) error{
		"all of it but the state": func(_ *testing.T, n *node) error { return os.RemoveAll(n.path("")) },
		"the guard":               func(_ *testing.T, n *node) error { return os.Remove(n.path(guardFile)) },
		"a part of the guard":     func(_ *testing.T, n *node) error { return os.Truncate(n.path(guardFile), 20) },
		"the incarnation": func(t *testing.T, n *node) error {
			t.Helper()
			return n.rewriteGuard(t, func(g *guard) { g.Incarnation = nil })
		},
		"the log": func(t *testing.T, n *node) error { t.Helper(); return os.RemoveAll(n.path(hostname(t))) },
		"the log and the state": func(t *testing.T, n *node) error {
			t.Helper()
			n.state = newState()
			return os.RemoveAll(n.path(hostname(t)))
		},
		"entries that were applied": func(_ *testing.T, n *node) error { n.state.Index += 1000; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			n, members := stopped(t)
			if err := lose(t, n); err != nil {
				t.Fatal(err)
			}
			if err := n.try(t, members); !errors.Is(err, ErrLostData) {
				t.Errorf("start = %v", err)
			}
		})
	}
}

// TestALogThatEndsInAZeroedBlockIsRefused: after a kill, dragonboat's log takes the block for its end and would
// continue without the rest.
func TestALogThatEndsInAZeroedBlockIsRefused(t *testing.T) {
	nodes, members := cluster(t, 1, nil)
	n := nodes[0]
	for range 20 {
		n.propose(t, strings.Repeat("x", 8<<10))
	}
	n.stop(t)
	logs, err := filepath.Glob(n.path(hostname(t) + "/*/*/*/*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log found: %v", err)
	}
	file, err := os.OpenFile(logs[len(logs)-1], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, err = file.WriteAt(make([]byte, 32<<10), 64<<10)
	index := strings.TrimSuffix(file.Name(), ".log") + ".index" // is written when the log closes
	if err := errors.Join(err, os.Remove(index)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := n.try(t, members); !errors.Is(err, ErrLostData) ||
			!strings.Contains(err.Error(), "the raft log ends at entry") {
			t.Errorf("start = %v", err)
		}
	}
}

func TestADamagedLogIsRefused(t *testing.T) {
	n, members := stopped(t)
	logs, err := filepath.Glob(n.path(hostname(t) + "/*/*/*/*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log found: %v", err)
	}
	text, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	text[20] ^= 1
	if err := os.WriteFile(logs[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.try(t, members); err == nil || !strings.Contains(err.Error(), "crc mismatch") {
		t.Errorf("start = %v", err)
	}
}

func TestAStateOlderThanTheLogsBeginIsRefused(t *testing.T) {
	nodes, members := cluster(t, 1, func(s *Settings) { s.SnapshotEntries, s.CompactionOverhead = 10, 1 })
	n := nodes[0]
	for range 50 {
		n.propose(t, "x")
	}
	n.stop(t)
	n.state = newState()
	if err := n.try(t, members); !errors.Is(err, ErrLostData) ||
		!strings.Contains(err.Error(), "the state ends at entry 0") {
		t.Errorf("start = %v", err)
	}
}

// rewriteGuard changes the guard file.
func (n *node) rewriteGuard(t *testing.T, change func(*guard)) error {
	t.Helper()
	text, err := os.ReadFile(n.path(guardFile))
	if err != nil {
		return err
	}
	var g guard
	if err := json.Unmarshal(text, &g); err != nil {
		return err
	}
	change(&g)
	return g.write(n.path(guardFile))
}

// TestAHostsNewNameDoesNotHideItsData: dragonboat's directory is named for the host. It begins with what a host of
// another name has left.
func TestAHostsNewNameDoesNotHideItsData(t *testing.T) {
	for step, left := range []func(n *node) error{
		func(n *node) error { return os.Rename(n.path(hostname(t)), n.path("before")) },
		func(n *node) error { return nil }, // the next start was killed after the directory was moved
	} {
		n, members := stopped(t)
		err := errors.Join(left(n), n.rewriteGuard(t, func(g *guard) { g.Host = "before" }))
		flag, readErr := os.ReadFile(n.path(dragonboatFile))
		if err = errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(flag), hostname(t)) {
			t.Fatal("dragonboat does not note the host")
		}
		n.start(t, members)
		n.propose(t, "d")
		if diff := cmp.Diff([]string{"a", "b", "c", "d"}, once(n.state.entries())); diff != "" {
			t.Errorf("step %d: applied (-want +got):\n%s", step, diff)
		}
		if n.manager.guard.Host != hostname(t) {
			t.Errorf("step %d: the guard has host %s", step, n.manager.guard.Host)
		}
	}
}

func TestAnInterruptedFirstStartIsRepeated(t *testing.T) {
	n := newNode(t, 0)
	if err := os.MkdirAll(n.path(""), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.path(guardFile+".tmp"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.start(t, Members{Peers: map[int32]string{0: n.set.Address}})
	n.propose(t, "a")
}

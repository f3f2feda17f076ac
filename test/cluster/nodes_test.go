//go:build raft

package cluster

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/chronik-stream/chronik/test/harness"
	"github.com/chronik-stream/chronik/test/history"
)

// load produces until stop is called, which also checks that nothing was lost.
func load(t *testing.T, c *harness.Cluster, partitions int) (stop func()) {
	t.Helper()
	h := history.New(c.Seeds()...)
	ctx, cancel := context.WithCancel(t.Context())
	var producing sync.WaitGroup
	for id := range 2 {
		producing.Go(func() { h.Produce(ctx, t, id, partitions, 5*time.Millisecond) })
	}
	return func() {
		t.Helper()
		h.AwaitEach(t)
		cancel()
		producing.Wait()
		h.Check(t)
		t.Logf("%d records acknowledged", len(h.Acked))
	}
}

// TestAClusterGrowsAndShrinksUnderLoad adds a node, moves replicas and leaderships to it, and removes another.
func TestAClusterGrowsAndShrinksUnderLoad(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	const partitions = 12
	c.Create(t, "kept", partitions)
	stop := load(t, c, partitions)

	if out, err := c.TryAdmin(t, "remove-node", "3"); err == nil {
		t.Errorf("three replicas on two nodes: %s", out)
	} else {
		harness.Wants(t, out, "no other broker is left to hold a replica of ", "kept-", "add a node first")
	}

	n, raft := c.Newcomer(t, 4)
	harness.Wants(t, c.Admin(t, "add-node", "4", raft),
		"node 4 may join: start it with cluster.node_id = 4, cluster.join = true")
	n.Launch(t)
	harness.Within(t, 30*time.Second, "node 4 votes and is in service", func() bool {
		s := c.Status(t)
		return slices.Equal(s.Voters(), []int32{1, 2, 3, 4}) && s.Nodes[3].State == "in service"
	})
	c.Admin(t, "add-node", "5", harness.FreeAddr(t)) // it is never started, and does no harm

	harness.Wants(t, c.Admin(t, "rebalance", "--dry-run"), "kept-", "partitions would be moved")
	harness.Wants(t, c.Admin(t, "rebalance", "--step", "3"), "partitions were moved")
	s := c.Status(t)
	for _, of := range s.Nodes[:4] {
		if of.Holds < 9 || of.Holds > 10 || of.Leads < 3 || of.Leads > 4 { // 36 replicas and the three of __meta
			t.Errorf("node %d holds %d replicas and leads %d partitions of 39 and 13", of.ID, of.Holds, of.Leads)
		}
	}

	c.Admin(t, "transfer-leadership", "--to", "4")
	if s := c.Status(t); s.Leader != 4 {
		t.Errorf("node %d leads the metadata, want 4", s.Leader)
	}
	c.Admin(t, "transfer-leadership", "--from", "4")
	if s := c.Status(t); s.Leader == 4 || s.Nodes[3].Leads > 0 {
		t.Errorf("node %d leads the metadata, and node 4 leads %d partitions", s.Leader, s.Nodes[3].Leads)
	}
	c.Admin(t, "rebalance")

	c.Admin(t, "transfer-leadership", "--to", "1")
	harness.Wants(t, c.Admin(t, "remove-node", "1"), "partitions were moved off node 1")
	c.Nodes[0].AwaitEnd(t)
	harness.Wants(t, c.Nodes[0].Output.Tail(1<<20), "broker 1 was removed from its cluster")
	s = c.Status(t)
	if !slices.Equal(s.Voters(), []int32{2, 3, 4}) || s.UnderReplicated > 0 || s.Leaderless > 0 || len(s.Nodes) != 4 {
		t.Errorf("afterwards: %+v", s)
	}
	c.Nodes[0].Launch(t)
	c.Nodes[0].AwaitEnd(t)
	harness.Wants(t, c.Nodes[0].Output.Tail(2000), "node 1 was removed from the cluster", "cluster add-node")
	if out, err := c.TryAdmin(t, "add-node", "1", harness.FreeAddr(t)); err == nil {
		t.Errorf("node 1 is added again: %s", out)
	} else {
		harness.Wants(t, out, "node 1 was removed from the cluster, and no node can join under that id again")
	}
	harness.Wants(t, c.Admin(t, "remove-node", "5"), "0 partitions were moved off node 5")
	stop()
}

// TestADeadNodeIsReplaced kills a node and replaces it by another.
func TestADeadNodeIsReplaced(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	const partitions = 6
	c.Create(t, "kept", partitions)
	if _, err := kadm.NewClient(c.Client(t)).CreateTopic(t.Context(), -1, -1, nil, "fragile"); err != nil {
		t.Fatal(err)
	}
	c.Nodes[1].Kafka(t, "topics", "--create", "--topic", "alone", "--replica-assignment", "3")
	stop := load(t, c, partitions)
	c.Nodes[2].Crash()
	harness.Within(t, 20*time.Second, "node 3 is fenced", func() bool { return c.Status(t).Nodes[2].State == "fenced" })
	if out, err := c.TryAdmin(t, "remove-node", "3"); err == nil {
		t.Errorf("a dead node is removed: %s", out)
	} else {
		harness.Wants(t, out, "node 3 is not in service", "--force", "replace-node")
	}

	n, raft := c.Newcomer(t, 4)
	var out string
	var err error
	var replacing sync.WaitGroup
	replacing.Go(func() { out, err = c.TryAdmin(t, "replace-node", "3", "4", raft) })
	harness.Within(t, 20*time.Second, "node 4 is added", func() bool { return len(c.Status(t).Nodes) == 4 })
	n.Launch(t)
	if replacing.Wait(); err == nil {
		t.Errorf("what only the dead node has is given up: %s", out)
	}
	harness.Wants(t, out, "node 4 is in service", "only node 3 has all of alone-0: start it, or give that up with --force")
	out = c.Admin(t, "replace-node", "3", "4", raft, "--force")
	harness.Wants(t, out, "moved off node 3", "alone-0", "kafka-leader-election")
	harness.Within(t, 30*time.Second, "node 4 votes in node 3's place", func() bool {
		return slices.Equal(c.Status(t).Voters(), []int32{1, 2, 4})
	})
	if s := c.Status(t); s.Leaderless != 1 || s.UnderReplicated != 0 {
		t.Errorf("afterwards: %+v", s)
	}
	stop()
}

// TestANodeWithAnotherNodesDataIsRefused starts nodes on data that is not theirs.
func TestANodeWithAnotherNodesDataIsRefused(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	c.Create(t, "kept", 1)
	wrong, own := c.Nodes[2], slices.Clone(c.Nodes[2].Args)
	wrong.Stop(t)
	for name, start := range map[string]struct {
		args []string
		want []string
	}{
		"another cluster's data": {
			[]string{"--set", "cluster.name=other"},
			[]string{`belongs to cluster \"chronik\", this is \"other\"`},
		},
		"another node's data": {[]string{"--set", "cluster.node_id=2"}, []string{"belongs to node 3, this is node 2"}},
	} {
		wrong.Args = append(slices.Clone(own), start.args...)
		wrong.Launch(t)
		wrong.AwaitEnd(t)
		t.Log(name)
		harness.Wants(t, strings.ReplaceAll(wrong.Output.Tail(2000), `"`, `\"`), start.want...)
	}
	wrong.Args = own
	if err := os.RemoveAll(filepath.Join(wrong.Dir)); err != nil {
		t.Fatal(err)
	}
	wrong.Launch(t)
	wrong.AwaitEnd(t)
	harness.Wants(t, wrong.Output.Tail(2000), "node 3 has no data, but has been a member of the cluster",
		"chronik-server cluster replace-node 3")
}

// TestANodeThatJoinsWithOldRecordsIsRefusedAndKeepsThem: the directory is that of a node whose metadata was lost, or it
// is Kafka's own.
func TestANodeThatJoinsWithOldRecordsIsRefusedAndKeepsThem(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 1, nil)
	n, raft := c.Newcomer(t, 2)
	log := filepath.Join(n.Dir, "old-0")
	if err := os.Mkdir(log, 0o755); err != nil {
		t.Fatal(err)
	}
	records := filepath.Join(log, "00000000000000000000.log")
	harness.WriteFile(t, filepath.Join(log, "partition.metadata"), "version: 0\ntopic_id: RKHJJLGJQICo_Qq5mJZO0Q\n")
	harness.WriteFile(t, records, "records")
	c.Admin(t, "add-node", "2", raft)
	for range 2 {
		n.Launch(t)
		n.AwaitEnd(t)
		harness.Wants(t, n.SinceStart(), "holds the records of 1 partitions, old-0 among them, but no metadata",
			"chronik-server cluster replace-node")
		if content, err := os.ReadFile(records); err != nil || string(content) != "records" {
			t.Errorf("the records are gone: %q, %v", content, err)
		}
	}
}

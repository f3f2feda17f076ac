//go:build raft

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// cluster runs one of the cluster commands and returns what it printed.
func (c *nodes) cluster(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.tryCluster(t, args...)
	if err != nil {
		t.Fatalf("cluster %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (c *nodes) tryCluster(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := brokerBinary()
	if err != nil {
		t.Fatal(err)
	}
	return tryCommand(t, "", path, append([]string{"cluster", "--bootstrap-server", strings.Join(c.seeds(), ","), "--timeout", "90s"}, args...)...)
}

// clusterStatus is what cluster status --json prints.
type clusterStatus struct {
	Leader          int32 `json:"metadata_leader"`
	Nodes           []nodeStatus
	UnderReplicated int `json:"under_replicated_partitions"`
	Leaderless      int `json:"leaderless_partitions"`
}

type nodeStatus struct {
	ID     int32
	State  string
	Quorum string
	Holds  int `json:"replicas"`
	Leads  int
	Behind int `json:"out_of_sync_replicas"`
}

func (c *nodes) status(t *testing.T) (s clusterStatus) {
	t.Helper()
	if err := json.Unmarshal([]byte(c.cluster(t, "status", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// quorum names the nodes with a vote.
func (s clusterStatus) quorum() (voters []int32) {
	for _, n := range s.Nodes {
		if n.Quorum == "voter" || n.Quorum == "leader" {
			voters = append(voters, n.ID)
		}
	}
	return voters
}

// newcomer is a node that may join: one that knows of the others where clients reach them.
func (c *nodes) newcomer(t *testing.T, id int32) (n *clusterNode, raft string) {
	t.Helper()
	kafka, raft := freeAddr(t), freeAddr(t)
	n = &clusterNode{id: id, output: &lockedBuffer{}, network: c.network, args: []string{"--listen", kafka, "--set", "cluster.raft_listen=" + raft}}
	if c.network != nil {
		kafka, raft = c.network.gate(t, id, kafka), c.network.gate(t, id, raft)
	}
	n.process, n.admin = &process{addr: kafka, dir: t.TempDir()}, client(t, kafka)
	peers := []string{fmt.Sprintf("%d@%s@%s", id, kafka, raft)}
	for _, other := range c.all {
		// where Raft reaches the others is told by them
		peers = append(peers, fmt.Sprintf("%d@%s@%s", other.id, other.addr, freeAddr(t)))
	}
	n.args = append(n.args, "--advertised-addr", kafka, "--set", "http.listen=127.0.0.1:0", "--set", fmt.Sprintf("cluster.node_id=%d", id),
		"--set", "cluster.join=true", "--set", "cluster.peers="+strings.Join(peers, ","))
	c.all = append(c.all, n)
	return n, raft
}

// ends returns when a node's process has ended by itself.
func (n *clusterNode) ends(t *testing.T) {
	t.Helper()
	select {
	case <-n.done:
	case <-time.After(30 * time.Second):
		t.Fatalf("node %d does not end:\n%s", n.id, n.output.tail(3000))
	}
}

var servingHTTP = regexp.MustCompile(`msg="serving http" url=(\S+)`)

// awaitReady returns when the node's readiness probe says so.
func (n *clusterNode) awaitReady(t *testing.T) {
	t.Helper()
	within(t, 40*time.Second, fmt.Sprintf("node %d is ready", n.id), func() bool {
		at := servingHTTP.FindStringSubmatch(n.sinceStart())
		if at == nil {
			return false
		}
		resp, err := http.Get(at[1] + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// load produces until stop, which then checks that nothing is lost.
func (c *nodes) load(t *testing.T, partitions int) (stop func()) {
	t.Helper()
	h := newHistory(c.seeds()...)
	ctx, cancel := context.WithCancel(t.Context())
	var producing sync.WaitGroup
	for id := range 2 {
		producing.Go(func() { h.produce(ctx, t, id, partitions, 5*time.Millisecond) })
	}
	return func() {
		t.Helper()
		h.awaitEach(t)
		cancel()
		producing.Wait()
		h.check(t)
		t.Logf("%d records acknowledged", len(h.acked))
	}
}

// TestAClusterGrowsAndShrinksUnderLoad adds a node, gives it its share, lets it lead, and removes another one.
func TestAClusterGrowsAndShrinksUnderLoad(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	const partitions = 12
	c.create(t, "kept", partitions)
	stop := c.load(t, partitions)

	if out, err := c.tryCluster(t, "remove-node", "3"); err == nil {
		t.Errorf("three replicas on two nodes: %s", out)
	} else {
		wants(t, out, "no other broker is left to hold a replica of ", "kept-", "add a node first")
	}

	n, raft := c.newcomer(t, 4)
	wants(t, c.cluster(t, "add-node", "4", raft), "node 4 may join: start it with cluster.node_id = 4, cluster.join = true")
	n.launch(t)
	within(t, 30*time.Second, "node 4 votes and is in service", func() bool {
		s := c.status(t)
		return slices.Equal(s.quorum(), []int32{1, 2, 3, 4}) && s.Nodes[3].State == "in service"
	})
	c.cluster(t, "add-node", "5", freeAddr(t)) // it is never started, and does no harm

	wants(t, c.cluster(t, "rebalance", "--dry-run"), "kept-", "partitions would be moved")
	wants(t, c.cluster(t, "rebalance", "--step", "3"), "partitions were moved")
	s := c.status(t)
	for _, of := range s.Nodes[:4] {
		if of.Holds < 9 || of.Holds > 10 || of.Leads < 3 || of.Leads > 4 { // 36 replicas and the three of __meta
			t.Errorf("node %d holds %d replicas and leads %d partitions of 39 and 13", of.ID, of.Holds, of.Leads)
		}
	}

	c.cluster(t, "transfer-leadership", "--to", "4")
	if s := c.status(t); s.Leader != 4 {
		t.Errorf("node %d leads the metadata, want 4", s.Leader)
	}
	c.cluster(t, "transfer-leadership", "--from", "4")
	if s := c.status(t); s.Leader == 4 || s.Nodes[3].Leads > 0 {
		t.Errorf("node %d leads the metadata, and node 4 leads %d partitions", s.Leader, s.Nodes[3].Leads)
	}
	c.cluster(t, "rebalance")

	c.cluster(t, "transfer-leadership", "--to", "1")
	wants(t, c.cluster(t, "remove-node", "1"), "partitions were moved off node 1")
	c.all[0].ends(t)
	wants(t, c.all[0].output.tail(1<<20), "broker 1 was removed from its cluster")
	s = c.status(t)
	if !slices.Equal(s.quorum(), []int32{2, 3, 4}) || s.UnderReplicated > 0 || s.Leaderless > 0 || len(s.Nodes) != 4 {
		t.Errorf("afterwards: %+v", s)
	}
	c.all[0].launch(t)
	c.all[0].ends(t)
	wants(t, c.all[0].output.tail(2000), "node 1 was removed from the cluster", "cluster add-node")
	if out, err := c.tryCluster(t, "add-node", "1", freeAddr(t)); err == nil {
		t.Errorf("node 1 is added again: %s", out)
	} else {
		wants(t, out, "node 1 was removed from the cluster, and no node can join under that id again")
	}
	wants(t, c.cluster(t, "remove-node", "5"), "0 partitions were moved off node 5")
	stop()
}

// TestADeadNodeIsReplaced kills a node for good and puts another in its place.
func TestADeadNodeIsReplaced(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	const partitions = 6
	c.create(t, "kept", partitions)
	if _, err := kadm.NewClient(c.client(t)).CreateTopic(t.Context(), -1, -1, nil, "fragile"); err != nil {
		t.Fatal(err)
	}
	c.all[1].kafka(t, "topics", "--create", "--topic", "alone", "--replica-assignment", "3")
	stop := c.load(t, partitions)
	c.all[2].crash()
	within(t, 20*time.Second, "node 3 is fenced", func() bool { return c.status(t).Nodes[2].State == "fenced" })
	if out, err := c.tryCluster(t, "remove-node", "3"); err == nil {
		t.Errorf("a dead node is removed: %s", out)
	} else {
		wants(t, out, "node 3 is not in service", "--force", "replace-node")
	}

	n, raft := c.newcomer(t, 4)
	var out string
	var err error
	var replacing sync.WaitGroup
	replacing.Go(func() { out, err = c.tryCluster(t, "replace-node", "3", "4", raft) })
	within(t, 20*time.Second, "node 4 is added", func() bool { return len(c.status(t).Nodes) == 4 })
	n.launch(t)
	if replacing.Wait(); err == nil {
		t.Errorf("what only the dead node has is given up: %s", out)
	}
	wants(t, out, "node 4 is in service", "only node 3 has all of alone-0: start it, or give that up with --force")
	out = c.cluster(t, "replace-node", "3", "4", raft, "--force")
	wants(t, out, "moved off node 3", "alone-0", "kafka-leader-election")
	within(t, 10*time.Second, "node 4 votes in node 3's place", func() bool { return slices.Equal(c.status(t).quorum(), []int32{1, 2, 4}) })
	if s := c.status(t); s.Leaderless != 1 || s.UnderReplicated != 0 {
		t.Errorf("afterwards: %+v", s)
	}
	stop()
}

// TestANodeThatIsNotWhoItWasIsRefused starts nodes on data that is not theirs.
func TestANodeThatIsNotWhoItWasIsRefused(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	c.create(t, "kept", 1)
	wrong, own := c.all[2], slices.Clone(c.all[2].args)
	wrong.stop(t)
	for name, start := range map[string]struct {
		args []string
		want []string
	}{
		"another cluster's data": {[]string{"--set", "cluster.name=other"}, []string{`belongs to cluster \"chronik\", this is \"other\"`}},
		"another node's data":    {[]string{"--set", "cluster.node_id=2"}, []string{"belongs to node 3, this is node 2"}},
	} {
		wrong.args = append(slices.Clone(own), start.args...)
		wrong.launch(t)
		wrong.ends(t)
		t.Log(name)
		wants(t, strings.ReplaceAll(wrong.output.tail(2000), `"`, `\"`), start.want...)
	}
	wrong.args = own
	if err := os.RemoveAll(filepath.Join(wrong.dir)); err != nil {
		t.Fatal(err)
	}
	wrong.launch(t)
	wrong.ends(t)
	wants(t, wrong.output.tail(2000), "node 3 has no data, but has been a member of the cluster", "chronik-server cluster replace-node 3")
}

// TestACleanRestartIsNotNoticed restarts all nodes, one after the other, each when the one before is ready. A producer
// that waits for all replicas is never told of an error, and never waits for longer than its own retry takes;
// franz-go's defaults would make that seconds.
func TestACleanRestartIsNotNoticed(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil, "--set", "http.listen=127.0.0.1:0")
	c.create(t, "kept", 6)
	cl := c.client(t, kgo.DefaultProduceTopic("kept"), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.ProducerLinger(0),
		kgo.RecordDeliveryTimeout(10*time.Second), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var slowest time.Duration
	var sent int
	var producing sync.WaitGroup
	producing.Go(func() {
		for ; ctx.Err() == nil; sent++ {
			began := time.Now()
			if err := cl.ProduceSync(context.WithoutCancel(ctx), kgo.StringRecord("x")).FirstErr(); err != nil {
				t.Errorf("record %d: %v", sent, err)
				return
			}
			slowest = max(slowest, time.Since(began))
		}
	})
	for _, n := range c.all {
		n.stop(t)
		wants(t, n.output.tail(3000), "broker has handed over")
		n.launch(t)
		n.awaitReady(t)
		for _, p := range partitions(n.metadata(t, "kept")) {
			if !slices.Contains(p.ISR, n.id) {
				t.Errorf("node %d is ready, but in partition %d only %v are in sync", n.id, p.Partition, p.ISR)
			}
		}
	}
	cancel()
	producing.Wait()
	measured(t, fmt.Sprintf("the slowest of %d records", sent), slowest, time.Second)
}

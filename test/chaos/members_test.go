//go:build raft

package chaos

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestAcknowledgedRecordsSurviveChaosOfMembers lets three nodes grow to five, and then nodes come and go.
func TestAcknowledgedRecordsSurviveChaosOfMembers(t *testing.T) {
	t.Parallel()
	lasts, seed := chaosSettings(t)
	c := newChaos(harness.StartCluster(t, 3, harness.NewNetwork(t), cleanOften()...), seed)
	c.survive(t, func() {
		c.grow(t)
		c.inject(t, lasts, []fault{
			{"two nodes of five are killed", c.killTwo},
			{"a node is wiped and started again and again, and another takes its place", c.replaceWiped},
			{"a node is removed, and another added", c.exchange},
		})
	})
}

// nextID returns an id that no node has had.
func (c *chaos) nextID() int32 {
	c.ids = max(c.ids, int32(len(c.Nodes))) + 1
	return c.ids
}

// add adds a node to the cluster.
func (c *chaos) add(t *testing.T) {
	t.Helper()
	n, raft := c.Newcomer(t, c.nextID())
	c.Admin(t, "add-node", n.Ident(), raft)
	n.Launch(t)
	c.AwaitAll(t)
}

// grow adds two nodes to three; all five vote and have their share of the partitions.
func (c *chaos) grow(t *testing.T) {
	t.Helper()
	for len(c.Nodes) < 5 {
		c.add(t)
	}
	c.Admin(t, "rebalance", "--step", "6")
	for _, n := range c.Status(t).Nodes {
		if n.Holds < 3 { // 18 replicas of these partitions alone
			t.Errorf("node %d holds %d replicas", n.ID, n.Holds)
		}
	}
}

// killTwo leaves three nodes of five, which must be able to commit. A partition with two replicas on the killed nodes
// waits.
func (c *chaos) killTwo(t *testing.T) {
	harness.Within(t, time.Minute, "all five vote", func() bool { return len(c.Status(t).Voters()) == 5 })
	first := c.victim(t)
	second := c.other(first)
	t.Logf("and node %d", second.ID)
	first.Crash()
	second.Crash()
	topic := fmt.Sprint("made-", time.Now().UnixNano())
	third := c.Nodes[slices.IndexFunc(c.Nodes, func(n *harness.Node) bool { return n != first && n != second })]
	third.Kafka(t, "topics", "--create", "--topic", topic, "--partitions", "1", "--replication-factor", "3")
	first.Launch(t)
	second.Launch(t)
	c.AwaitAll(t)
}

// replaceWiped removes a node's data. The node is refused and replaced by another.
func (c *chaos) replaceWiped(t *testing.T) {
	c.AwaitAll(t)
	c.AwaitInSync(t, "kept")
	n := c.victim(t)
	for !slices.ContainsFunc(c.Nodes, n.Names) { // all nodes that it knows were replaced
		n = c.other(n)
		t.Logf("it is node %d", n.ID)
	}
	n.Crash()
	n.Wipe(t)
	for range 1 + c.random.IntN(3) { // as supervisors do
		n.IsRefused(t)
	}
	c.history.AwaitEach(t) // the others go on
	c.startBesideOneThatLags(t, n)

	c.forget(n)
	other, raft := c.Newcomer(t, c.nextID())
	var out string
	var err error
	var replacing sync.WaitGroup
	replacing.Go(func() { out, err = c.TryAdmin(t, "replace-node", n.Ident(), other.Ident(), raft) })
	harness.Within(t, 20*time.Second, "the new node is known", func() bool {
		return slices.ContainsFunc(c.Status(t).Nodes, func(of harness.NodeStatus) bool { return of.ID == other.ID })
	})
	other.Launch(t)
	if replacing.Wait(); err != nil {
		t.Fatalf("replace node %d by %d: %v\n%s", n.ID, other.ID, err, out)
	}
	c.AwaitAll(t)
}

// startBesideOneThatLags starts a wiped node while so many others are down that the rest is no majority without it.
func (c *chaos) startBesideOneThatLags(t *testing.T, wiped *harness.Node) {
	t.Helper()
	others := slices.DeleteFunc(slices.Clone(c.Nodes), func(n *harness.Node) bool { return n == wiped })
	c.random.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	// One node stays up that knows the wiped node's vote; otherwise the wiped one would wait.
	if i := slices.IndexFunc(others, wiped.Names); i >= 0 {
		witness := others[i]
		others = append(slices.Delete(others, i, i+1), witness)
	}
	down := others[:len(c.Nodes)/2]
	for _, n := range down {
		n.Crash()
	}
	for range 1 + c.random.IntN(2) {
		wiped.IsRefused(t)
	}
	for _, n := range down {
		n.Launch(t)
	}
	wiped.IsRefused(t)
	c.history.AwaitEach(t)
}

// exchange removes a working node and adds another.
func (c *chaos) exchange(t *testing.T) {
	c.AwaitAll(t)
	n := c.victim(t)
	began := time.Now()
	c.Admin(t, "remove-node", n.Ident())
	n.AwaitEnd(t)
	t.Logf("it is removed after %v", time.Since(began).Round(time.Millisecond))
	c.forget(n)
	known := func(m *kmsg.MetadataResponse) bool { return len(harness.Partitions(m)) > 0 }
	holds := func(p kmsg.MetadataResponseTopicPartition) bool { return slices.Contains(p.Replicas, n.ID) }
	if slices.ContainsFunc(harness.Partitions(c.Ask(t, known, "kept")), holds) {
		t.Errorf("node %d was removed, and holds replicas", n.ID)
	}
	c.add(t)
	c.Admin(t, "rebalance", "--step", "6")
}

// forget removes a node that has stopped for good from the cluster's nodes.
func (c *chaos) forget(n *harness.Node) {
	c.Nodes = slices.DeleteFunc(c.Nodes, func(other *harness.Node) bool { return other == n })
	c.Gone = append(c.Gone, n)
}

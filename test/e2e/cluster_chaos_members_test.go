//go:build raft

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestAcknowledgedRecordsSurviveChaosOfMembers lets three nodes grow to five, and then nodes come and go.
func TestAcknowledgedRecordsSurviveChaosOfMembers(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	lasts, seed := chaosSettings(t)
	c := newChaos(startNodes(t, 3, newNetwork(t), cleanOften()...), seed)
	c.survive(t, func() {
		c.grow(t)
		c.rage(t, lasts, []mishap{
			{"two nodes of five are killed", c.killTwo},
			{"a node is wiped and started again and again, and another takes its place", c.replaceWiped},
			{"a node is removed, and another added", c.exchange},
		})
	})
}

// nextID is an id that no node has had.
func (c *chaos) nextID() int32 {
	c.ids = max(c.ids, int32(len(c.all))) + 1
	return c.ids
}

// add adds a node to the cluster.
func (c *chaos) add(t *testing.T) {
	t.Helper()
	n, raft := c.newcomer(t, c.nextID())
	c.cluster(t, "add-node", n.ident(), raft)
	n.launch(t)
	c.awaitAll(t)
}

// grow makes five nodes of three, all with a vote and their share of the partitions.
func (c *chaos) grow(t *testing.T) {
	t.Helper()
	for len(c.all) < 5 {
		c.add(t)
	}
	c.cluster(t, "rebalance", "--step", "6")
	for _, n := range c.status(t).Nodes {
		if n.Holds < 3 { // 18 replicas of these partitions alone
			t.Errorf("node %d holds %d replicas", n.ID, n.Holds)
		}
	}
}

// killTwo leaves three nodes of five, which must be able to decide. A partition that two of them have held waits.
func (c *chaos) killTwo(t *testing.T) {
	within(t, time.Minute, "all five vote", func() bool { return len(c.status(t).quorum()) == 5 })
	first := c.victim(t)
	second := c.other(first)
	t.Logf("and node %d", second.id)
	first.crash()
	second.crash()
	topic := fmt.Sprint("made-", time.Now().UnixNano())
	third := c.all[slices.IndexFunc(c.all, func(n *clusterNode) bool { return n != first && n != second })]
	third.kafka(t, "topics", "--create", "--topic", topic, "--partitions", "1", "--replication-factor", "3")
	first.launch(t)
	second.launch(t)
	c.awaitAll(t)
}

// replaceWiped takes a node's data away. The node is refused, and another takes its place.
func (c *chaos) replaceWiped(t *testing.T) {
	c.awaitAll(t)
	c.awaitInSync(t, "kept")
	n := c.victim(t)
	for !slices.ContainsFunc(c.all, n.names) { // all that it could ask were replaced
		n = c.other(n)
		t.Logf("it is node %d", n.id)
	}
	n.crash()
	n.wipe(t)
	for range 1 + c.random.IntN(3) { // supervisors do not give up
		n.isRefused(t)
	}
	c.history.awaitEach(t) // the others go on
	c.startBesideOneThatLags(t, n)

	c.forget(n)
	other, raft := c.newcomer(t, c.nextID())
	var out string
	var err error
	var replacing sync.WaitGroup
	replacing.Go(func() { out, err = c.tryCluster(t, "replace-node", n.ident(), other.ident(), raft) })
	within(t, 20*time.Second, "the new node is known", func() bool {
		return slices.ContainsFunc(c.status(t).Nodes, func(of nodeStatus) bool { return of.ID == other.id })
	})
	other.launch(t)
	if replacing.Wait(); err != nil {
		t.Fatalf("replace node %d by %d: %v\n%s", n.id, other.id, err, out)
	}
	c.awaitAll(t)
}

// startBesideOneThatLags starts a node that was wiped while so many others are down that those which are left
// have no majority without it.
func (c *chaos) startBesideOneThatLags(t *testing.T, wiped *clusterNode) {
	t.Helper()
	others := slices.DeleteFunc(slices.Clone(c.all), func(n *clusterNode) bool { return n == wiped })
	c.random.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	if i := slices.IndexFunc(others, wiped.names); i >= 0 { // one stays up that can tell it: else it waits
		told := others[i]
		others = append(slices.Delete(others, i, i+1), told)
	}
	down := others[:len(c.all)/2]
	for _, n := range down {
		n.crash()
	}
	for range 1 + c.random.IntN(2) {
		wiped.isRefused(t)
	}
	for _, n := range down {
		n.launch(t)
	}
	wiped.isRefused(t)
	c.history.awaitEach(t)
}

// exchange removes a node that works, and adds another.
func (c *chaos) exchange(t *testing.T) {
	c.awaitAll(t)
	n := c.victim(t)
	began := time.Now()
	c.cluster(t, "remove-node", n.ident())
	n.ends(t)
	t.Logf("it is removed after %v", time.Since(began).Round(time.Millisecond))
	c.forget(n)
	if parts := partitions(c.ask(t, func(m *kmsg.MetadataResponse) bool { return len(partitions(m)) > 0 }, "kept")); slices.ContainsFunc(parts,
		func(p kmsg.MetadataResponseTopicPartition) bool { return slices.Contains(p.Replicas, n.id) }) {
		t.Errorf("node %d was removed, and holds replicas", n.id)
	}
	c.add(t)
	c.cluster(t, "rebalance", "--step", "6")
}

// forget takes a node that has ended for good out of the test's view.
func (c *chaos) forget(n *clusterNode) {
	c.all = slices.DeleteFunc(c.all, func(other *clusterNode) bool { return other == n })
	c.gone = append(c.gone, n)
}

// names reports whether a node's configuration names another.
func (n *clusterNode) names(other *clusterNode) bool {
	return slices.ContainsFunc(n.args, func(arg string) bool {
		peers, ok := strings.CutPrefix(arg, "cluster.peers=")
		return ok && n != other && strings.Contains(","+peers, ","+other.ident()+"@")
	})
}

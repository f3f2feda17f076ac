//go:build raft

package chaos

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// fault is one kind of fault. When do returns, all nodes run.
type fault struct {
	name string
	do   func(t *testing.T)
}

func (c *chaos) faults() []fault {
	return []fault{
		{"the metadata's leader is killed", func(t *testing.T) { c.kill(t, c.Controller(t)) }},
		{"a partition's leader is killed", func(t *testing.T) { c.kill(t, c.anyLeader(t)) }},
		{"a node is cut off from the others", func(t *testing.T) { c.cutOff(t, false) }},
		{"a node is cut off from all", func(t *testing.T) { c.cutOff(t, true) }},
		{"a node is paused", c.pauseOne},
		{"the nodes are restarted, one after the other", c.restartEach},
		{"a node is cut off, and another is killed", c.loseMajority},
		{"all nodes are killed", c.killAll},
	}
}

func (c *chaos) anyLeader(t *testing.T) *harness.Node {
	return c.Leader(t, "kept", c.random.IntN(c.partitions))
}

// victim returns a node that matters: a leader.
func (c *chaos) victim(t *testing.T) *harness.Node {
	var n *harness.Node
	switch c.random.IntN(3) {
	case 0:
		n = c.Controller(t)
	case 1:
		n = c.anyLeader(t)
	default:
		n = c.Nodes[c.random.IntN(len(c.Nodes))]
	}
	t.Logf("it is node %d", n.ID)
	return n
}

// other is any node but n.
func (c *chaos) other(n *harness.Node) *harness.Node {
	return c.Nodes[(slices.Index(c.Nodes, n)+1+c.random.IntN(len(c.Nodes)-1))%len(c.Nodes)]
}

// hold lets a fault last: for less than a session, or until the other nodes have fenced the node.
func (c *chaos) hold(t *testing.T, lost *harness.Node) {
	t.Helper()
	if c.random.IntN(3) == 0 {
		time.Sleep(time.Duration(c.random.IntN(2000)) * time.Millisecond)
		return
	}
	harness.Within(t, 20*time.Second, "the others do without the node", func() bool {
		return !slices.ContainsFunc(c.Nodes, func(n *harness.Node) bool {
			m := n.Metadata(t)
			return n != lost && (len(m.Brokers) == 0 || slices.ContainsFunc(m.Brokers, func(b kmsg.MetadataResponseBroker) bool {
				return b.NodeID == lost.ID
			}))
		})
	})
	time.Sleep(time.Duration(c.random.IntN(1000)) * time.Millisecond)
}

func (c *chaos) kill(t *testing.T, n *harness.Node) {
	t.Logf("it is node %d", n.ID)
	n.Crash()
	c.history.AwaitEach(t) // the two others go on
	n.Launch(t)
}

func (c *chaos) cutOff(t *testing.T, andClients bool) {
	n := c.victim(t)
	c.Network.Cut(n.ID, andClients)
	c.hold(t, n)
	c.Network.Heal(n.ID)
}

func (c *chaos) pauseOne(t *testing.T) {
	n := c.victim(t)
	n.Pause()
	c.hold(t, n)
	n.Resume()
}

func (c *chaos) loseMajority(t *testing.T) {
	cut := c.victim(t)
	killed := c.other(cut)
	c.Network.Cut(cut.ID, false)
	time.Sleep(time.Duration(c.random.IntN(3000)) * time.Millisecond) // the others may have taken over by then
	killed.Crash()
	time.Sleep(time.Duration(c.random.IntN(4000)) * time.Millisecond)
	c.Network.Heal(cut.ID)
	killed.Launch(t)
}

func (c *chaos) restartEach(t *testing.T) {
	for _, n := range c.Nodes {
		c.AwaitInSync(t, "kept")
		n.Stop(t)
		n.Launch(t)
	}
}

func (c *chaos) killAll(t *testing.T) {
	var killing sync.WaitGroup
	for _, n := range c.Nodes {
		killing.Go(n.Crash)
	}
	killing.Wait()
	for _, n := range c.Nodes {
		n.Launch(t)
	}
}

//go:build raft

package e2e

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// mishap is one of the things that befall a cluster: it ends with all nodes running.
type mishap struct {
	name string
	do   func(t *testing.T)
}

func (c *chaos) mishaps() []mishap {
	return []mishap{
		{"the metadata's leader is killed", func(t *testing.T) { c.kill(t, c.controller(t)) }},
		{"a partition's leader is killed", func(t *testing.T) { c.kill(t, c.anyLeader(t)) }},
		{"a node is cut off from the others", func(t *testing.T) { c.cutOff(t, false) }},
		{"a node is cut off from all", func(t *testing.T) { c.cutOff(t, true) }},
		{"a node is paused", c.pauseOne},
		{"the nodes are restarted, one after the other", c.restartEach},
		{"a node is cut off, and another is killed", c.loseMajority},
		{"all nodes are killed", c.killAll},
	}
}

func (c *chaos) anyLeader(t *testing.T) *clusterNode {
	return c.leader(t, "kept", c.random.IntN(c.partitions))
}

// victim is a node of interest.
func (c *chaos) victim(t *testing.T) *clusterNode {
	var n *clusterNode
	switch c.random.IntN(3) {
	case 0:
		n = c.controller(t)
	case 1:
		n = c.anyLeader(t)
	default:
		n = c.all[c.random.IntN(len(c.all))]
	}
	t.Logf("it is node %d", n.id)
	return n
}

// other is any node but n.
func (c *chaos) other(n *clusterNode) *clusterNode {
	return c.all[(slices.Index(c.all, n)+1+c.random.IntN(len(c.all)-1))%len(c.all)]
}

// hold lets a mishap last: for less than a session, or until the others say that the node is not in service.
func (c *chaos) hold(t *testing.T, lost *clusterNode) {
	t.Helper()
	if c.random.IntN(3) == 0 {
		time.Sleep(time.Duration(c.random.IntN(2000)) * time.Millisecond)
		return
	}
	within(t, 20*time.Second, "the others do without the node", func() bool {
		return !slices.ContainsFunc(c.all, func(n *clusterNode) bool {
			m := n.metadata(t)
			return n != lost && (len(m.Brokers) == 0 || slices.ContainsFunc(m.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == lost.id }))
		})
	})
	time.Sleep(time.Duration(c.random.IntN(1000)) * time.Millisecond)
}

func (c *chaos) kill(t *testing.T, n *clusterNode) {
	t.Logf("it is node %d", n.id)
	n.crash()
	c.history.awaitEach(t) // the two others go on
	n.launch(t)
}

func (c *chaos) cutOff(t *testing.T, andClients bool) {
	n := c.victim(t)
	c.network.cut(n.id, andClients)
	c.hold(t, n)
	c.network.heal(n.id)
}

func (c *chaos) pauseOne(t *testing.T) {
	n := c.victim(t)
	n.pause()
	c.hold(t, n)
	n.resume()
}

func (c *chaos) loseMajority(t *testing.T) {
	cut := c.victim(t)
	killed := c.other(cut)
	c.network.cut(cut.id, false)
	time.Sleep(time.Duration(c.random.IntN(3000)) * time.Millisecond) // the others may have taken over by then
	killed.crash()
	time.Sleep(time.Duration(c.random.IntN(4000)) * time.Millisecond)
	c.network.heal(cut.id)
	killed.launch(t)
}

func (c *chaos) restartEach(t *testing.T) {
	for _, n := range c.all {
		c.awaitInSync(t, "kept")
		n.stop(t)
		n.launch(t)
	}
}

func (c *chaos) killAll(t *testing.T) {
	var killing sync.WaitGroup
	for _, n := range c.all {
		killing.Go(n.crash)
	}
	killing.Wait()
	for _, n := range c.all {
		n.launch(t)
	}
}

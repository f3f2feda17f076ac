//go:build raft

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// chaosSettings are how long the chaos lasts (0: each fault once) and what it is made of.
func chaosSettings(t *testing.T) (time.Duration, uint64) {
	t.Helper()
	seed, lasts := uint64(time.Now().UnixNano()), time.Duration(0)
	var err error
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("CHAOS_TIME"); text != "" {
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("CHAOS_TIME=%v CHAOS_SEED=%d", lasts, seed)
	return lasts, seed
}

// TestAcknowledgedRecordsSurviveChaos produces and consumes while nodes are killed, cut off, paused and restarted. At the end every
// acknowledged record is there, once, in its producer's order and at the offset that was answered; what consumers were shown is what is
// stored; the group's offsets have never gone back; and all replicas are alike.
func TestAcknowledgedRecordsSurviveChaos(t *testing.T) {
	skipInShortMode(t)
	const partitions, producers, members = 6, 3, 2
	lasts, seed := chaosSettings(t)
	c := &chaos{nodes: startNodes(t, 3, newNetwork(t)), random: rand.New(rand.NewPCG(seed, 0)), partitions: partitions}
	c.create(t, "kept", partitions)
	c.history = newHistory(c.seeds()...)
	r := newReaders(c.seeds())

	producing, stopProducing := context.WithCancel(t.Context())
	consuming, stopConsuming := context.WithCancel(t.Context())
	var load, reading sync.WaitGroup
	defer func() { stopProducing(); stopConsuming(); load.Wait(); reading.Wait() }()
	for id := range producers {
		load.Go(func() { c.history.produce(producing, t, id, partitions, 5*time.Millisecond) })
	}
	for range members {
		reading.Go(func() { r.consume(consuming, t) })
	}
	reading.Go(func() { r.watch(consuming, t) })
	within(t, time.Minute, "the group works", func() bool { return len(r.known()) == partitions })

	c.rage(t, lasts)

	c.awaitInSync(t, "kept")
	stopProducing()
	load.Wait()
	stored := c.history.check(t)
	within(t, time.Minute, "the group has read everything", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.shown) >= len(stored)
	})
	stopConsuming()
	reading.Wait()
	for at, key := range r.shown {
		if stored[at] != key {
			t.Errorf("at %v is record %s, a consumer was shown %s", at, name(stored[at]), name(key))
		}
	}
	cl := c.client(t)
	within(t, time.Minute, "the group's offsets are told", func() bool { return r.checkCommitted(t.Context(), t, cl) })
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.all {
		n.stop(t)
	}
	c.compareReplicas(t, ends)
	t.Logf("%d records acknowledged, %d stored", len(c.history.acked), len(stored))
}

// chaos is what befalls a cluster.
type chaos struct {
	*nodes
	random     *rand.Rand
	partitions int
	history    *history
}

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
		{"all nodes are killed", c.killAll},
	}
}

// rage lets mishaps happen, each one once or as long as lasts says.
func (c *chaos) rage(t *testing.T, lasts time.Duration) {
	t.Helper()
	began := time.Now()
	for round := 0; round == 0 || time.Since(began) < lasts; round++ {
		all := c.mishaps()
		c.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, m := range all {
			at := time.Now()
			t.Logf("%s: %s", at.Format(time.StampMilli), m.name)
			m.do(t)
			c.history.awaitEach(t)
			t.Logf("%s: all partitions take records again, after %v", time.Now().Format(time.StampMilli), time.Since(at).Round(time.Millisecond))
			if c.random.IntN(2) == 0 {
				c.awaitInSync(t, "kept")
			}
		}
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

// hold lets a mishap last, for a session or two.
func (c *chaos) hold() { time.Sleep(time.Duration(2500+c.random.IntN(2000)) * time.Millisecond) }

func (c *chaos) kill(t *testing.T, n *clusterNode) {
	t.Logf("it is node %d", n.id)
	n.crash()
	c.history.awaitEach(t) // the two others go on
	n.launch(t)
}

func (c *chaos) cutOff(t *testing.T, andClients bool) {
	n := c.victim(t)
	c.network.cut(n.id, andClients)
	c.hold()
	c.network.heal(n.id)
}

func (c *chaos) pauseOne(t *testing.T) {
	n := c.victim(t)
	n.pause()
	c.hold()
	n.resume()
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

// compareReplicas compares the files of all replicas with each other, up to where the partitions end.
func (c *chaos) compareReplicas(t *testing.T, ends kadm.ListedOffsets) {
	t.Helper()
	ends.Each(func(end kadm.ListedOffset) {
		var first []byte
		for i, n := range c.all {
			stored := n.batches(t, fmt.Sprintf("%s-%d", end.Topic, end.Partition), end.Offset)
			if i == 0 {
				first = stored
			} else if !bytes.Equal(stored, first) {
				t.Errorf("partition %d is not the same on nodes %d and %d", end.Partition, c.all[0].id, n.id)
			}
		}
	})
}

// batches returns what a node has stored of a partition, up to an offset.
func (n *clusterNode) batches(t *testing.T, partition string, end int64) (stored []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.dir, partition, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	reached := int64(0)
	for _, file := range files { // in the order of their offsets
		rest, err := os.ReadFile(file)
		for err == nil && len(rest) > 0 {
			var b record.Batch
			if b, rest, err = record.Next(rest); err != nil || b.BaseOffset() >= end {
				break
			}
			if b.BaseOffset() != reached || b.VerifyCRC() != nil {
				t.Errorf("node %d, %s: at %d is a batch of offset %d, %v", n.id, partition, reached, b.BaseOffset(), b.VerifyCRC())
			}
			reached, stored = b.NextOffset(), append(stored, b...)
		}
		if err != nil {
			t.Fatalf("%s at %d: %v", file, reached, err)
		}
	}
	if reached != end {
		t.Errorf("node %d has %s up to %d, it ends at %d", n.id, partition, reached, end)
	}
	return stored
}

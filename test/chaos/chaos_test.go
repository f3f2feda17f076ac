//go:build raft

package chaos

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
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/test/harness"
	"github.com/chronik-stream/chronik/test/history"
)

// chaosSettings returns how long the chaos lasts (0: each fault once) and the seed that determines it.
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

// TestAcknowledgedRecordsSurviveChaos has nodes killed, cut off, paused and restarted.
func TestAcknowledgedRecordsSurviveChaos(t *testing.T) {
	t.Parallel()
	lasts, seed := chaosSettings(t)
	c := newChaos(harness.StartCluster(t, 3, harness.NewNetwork(t), cleanOften()...), seed)
	c.survive(t, func() { c.inject(t, lasts, c.faults()) })
}

// chaos injects faults into a cluster under load.
type chaos struct {
	*harness.Cluster
	random     *rand.Rand
	partitions int
	history    *history.History
	readers    *readers
	others     *history.Verifiable
	ids        int32 // the highest id that a node has had
}

func newChaos(c *harness.Cluster, seed uint64) *chaos {
	return &chaos{
		Cluster: c, random: rand.New(rand.NewPCG(seed, 0)), partitions: 6, history: history.New(c.Seeds()...),
		readers: newReaders(c.Seeds()),
	}
}

// survive produces and consumes while inject runs. At the end every acknowledged record must be there, once, in its
// producer's order and at the offset in the answer. Consumers must have read what is stored, the group's offsets must
// never have gone back, and all replicas must be equal. Kafka's own clients and librdkafka's are checked in the same
// way. Meanwhile, topics are cleaned, created and deleted.
func (c *chaos) survive(t *testing.T, inject func()) {
	t.Helper()
	const producers, members = 3, 2
	r := c.readers
	c.Create(t, "kept", int32(c.partitions))

	producing, stopProducing := context.WithCancel(t.Context())
	consuming, stopConsuming := context.WithCancel(t.Context())
	var load, reading sync.WaitGroup
	defer func() { stopProducing(); stopConsuming(); load.Wait(); reading.Wait() }()
	for id := range producers {
		load.Go(func() { c.history.Produce(producing, t, id, c.partitions, 5*time.Millisecond) })
	}
	for range members {
		reading.Go(func() { r.consume(consuming, t) })
	}
	reading.Go(func() { r.watch(consuming, t) })
	harness.Within(t, time.Minute, "the group works", func() bool { return len(r.known()) == c.partitions })
	c.others = history.StartVerifiable(t, c.Cluster)
	topics := startOtherTopics(t, c.Cluster)
	defer topics.end()

	inject()

	c.AwaitInSync(t, "kept")
	c.others.Check(t, c.Cluster)
	topics.check(t, c.Cluster)
	stopProducing()
	load.Wait()
	c.history.Seeds = c.Seeds() // nodes may have been replaced
	stored := c.history.Check(t)
	harness.Within(t, time.Minute, "the group has read everything", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.shown) >= len(stored)
	})
	stopConsuming()
	reading.Wait()
	for at, key := range r.shown {
		if stored[at] != key {
			t.Errorf("at %v is record %s, a consumer was shown %s", at, history.Name(stored[at]), history.Name(key))
		}
	}
	cl := c.Client(t)
	harness.Within(t, time.Minute, "the group's offsets are known", func() bool {
		return r.checkCommitted(t.Context(), t, cl)
	})
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	complete := func(m *kmsg.MetadataResponse) bool { return len(harness.Partitions(m)) == c.partitions }
	parts := harness.Partitions(c.Ask(t, complete, "kept"))
	for _, n := range c.Nodes {
		n.Stop(t)
	}
	c.compareReplicas(t, parts, ends)
	t.Logf("%d records acknowledged, %d stored", len(c.history.Acked), len(stored))
}

// inject injects the faults in random order, each once, or until lasts has passed.
func (c *chaos) inject(t *testing.T, lasts time.Duration, all []fault) {
	t.Helper()
	began := time.Now()
	for round := 0; round == 0 || time.Since(began) < lasts; round++ {
		c.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, m := range all {
			at := time.Now()
			t.Logf("%s: %s", at.Format(time.StampMilli), m.name)
			m.do(t)
			c.history.AwaitEach(t)
			c.others.Await(t)
			t.Logf("%s: all partitions take records again, after %v", time.Now().Format(time.StampMilli),
				time.Since(at).Round(time.Millisecond))
			if c.random.IntN(2) == 0 {
				c.AwaitInSync(t, "kept")
			}
		}
	}
}

// compareReplicas compares the files of each partition's replicas with each other, up to where the partition ends.
func (c *chaos) compareReplicas(t *testing.T, parts []kmsg.MetadataResponseTopicPartition, ends kadm.ListedOffsets) {
	t.Helper()
	for _, p := range parts {
		end, ok := ends.Lookup("kept", p.Partition)
		if !ok || len(p.Replicas) != 3 {
			t.Errorf("partition %d has the replicas %v, its end is known: %t", p.Partition, p.Replicas, ok)
		}
		first := batches(t, c.Node(t, p.Replicas[0]), fmt.Sprintf("kept-%d", p.Partition), end.Offset)
		for _, id := range p.Replicas[1:] {
			if !bytes.Equal(batches(t, c.Node(t, id), fmt.Sprintf("kept-%d", p.Partition), end.Offset), first) {
				t.Errorf("partition %d is not the same on nodes %d and %d", p.Partition, p.Replicas[0], id)
			}
		}
	}
}

// batches returns what a node has stored of a partition, up to an offset.
func batches(t *testing.T, n *harness.Node, partition string, end int64) (stored []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.Dir, partition, "*.log"))
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
				t.Errorf("node %d, %s: at %d is a batch of offset %d, %v", n.ID, partition, reached, b.BaseOffset(), b.VerifyCRC())
			}
			reached, stored = b.NextOffset(), append(stored, b...)
		}
		if err != nil {
			t.Fatalf("%s at %d: %v", file, reached, err)
		}
	}
	if reached != end {
		t.Errorf("node %d has %s up to %d, it ends at %d", n.ID, partition, reached, end)
	}
	return stored
}

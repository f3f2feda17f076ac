//go:build raft

package measure

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestFailOverIsQuick kills a partition's leader repeatedly, and measures the time until the next record is
// acknowledged. The client refreshes its metadata as often as needed; franz-go's default, every five seconds, would
// measure the client.
func TestFailOverIsQuick(t *testing.T) {
	t.Parallel()
	const parts = 6
	c := harness.StartCluster(t, 3, nil)
	c.Create(t, "watched", parts)
	cl := c.Client(t, kgo.DefaultProduceTopic("watched"), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }), kgo.RequestRetries(1<<30),
		kgo.MetadataMinAge(50*time.Millisecond))
	produce := func(partition int32) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := cl.ProduceSync(ctx, &kgo.Record{Partition: partition, Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var took []time.Duration
	for round := range 20 {
		controller := c.Controller(t)
		n := controller
		if round%2 == 0 { // one that does not lead the metadata
			n = c.Nodes[int(n.ID)%len(c.Nodes)]
		}
		led := slices.IndexFunc(harness.Partitions(n.Metadata(t, "watched")),
			func(p kmsg.MetadataResponseTopicPartition) bool {
				return p.Leader == n.ID
			})
		if led < 0 {
			t.Fatalf("node %d leads no partition", n.ID)
		}
		produce(int32(led))
		began := time.Now()
		n.Crash()
		produce(int32(led))
		took = append(took, time.Since(began))
		t.Logf("node %d killed, which led the metadata: %t; the next record was acknowledged after %v", n.ID,
			n == controller, took[round].Round(time.Millisecond))
		n.Launch(t)
		c.AwaitAll(t)
		c.AwaitInSync(t, "watched")
		c.Balance(t, "watched")
	}
	slices.Sort(took)
	measured(t, "fail-over, median", took[len(took)/2], time.Second)
	measured(t, "fail-over, worst", took[len(took)-1], 3*time.Second)
}

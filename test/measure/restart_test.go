//go:build raft

package measure

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestACleanRestartIsNotNoticed restarts all nodes, one after the other, each when the one before is ready. A producer
// with acks=all never gets an error and never waits longer than its own retry takes. With franz-go's defaults, that
// would be seconds.
func TestACleanRestartIsNotNoticed(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil, "--set", "http.listen=127.0.0.1:0")
	c.Create(t, "kept", 6)
	cl := c.Client(t, kgo.DefaultProduceTopic("kept"), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
		kgo.ProducerLinger(0),
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
	for _, n := range c.Nodes {
		n.Stop(t)
		harness.Wants(t, n.Output.Tail(3000), "broker has handed over")
		n.Launch(t)
		n.AwaitReady(t)
		for _, p := range harness.Partitions(n.Metadata(t, "kept")) {
			if !slices.Contains(p.ISR, n.ID) {
				t.Errorf("node %d is ready, but in partition %d only %v are in sync", n.ID, p.Partition, p.ISR)
			}
		}
	}
	cancel()
	producing.Wait()
	measured(t, fmt.Sprintf("the slowest of %d records", sent), slowest, time.Second)
}

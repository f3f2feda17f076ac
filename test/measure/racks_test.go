//go:build raft

package measure

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
)

// sources counts a consumer's batches by the node that has sent them.
type sources struct {
	mu      sync.Mutex
	batches map[int32]int
}

// OnFetchBatchRead implements kgo.HookFetchBatchRead.
func (s *sources) OnFetchBatchRead(meta kgo.BrokerMetadata, _ string, _ int32, _ kgo.FetchBatchMetrics) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches[meta.NodeID]++
}

// taken returns the counts since the last call.
func (s *sources) taken() map[int32]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.batches
	s.batches = make(map[int32]int)
	return taken
}

// A consumer reads from the node in its rack, gets new records there without delay, and continues with another node
// when that one dies. franz-go fetches from a dead node until it asks the leader again for the preferred replica.
func TestAConsumerReadsInItsRack(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil, "--set", "kafka.broker.rack=rack-{id}",
		"--set", "kafka.replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector")
	c.Create(t, "near", 1)
	leader := c.Leader(t, "near", 0)
	near := c.Nodes[int(leader.ID)%len(c.Nodes)]
	producer := c.Client(t, kgo.DefaultProduceTopic("near"), kgo.ProducerLinger(0))
	from := &sources{batches: make(map[int32]int)}
	consumer := c.Client(t, kgo.ConsumeTopics("near"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Rack(fmt.Sprint("rack-", near.ID)),
		kgo.WithHooks(from), kgo.MetadataMinAge(100*time.Millisecond), kgo.FetchMaxWait(5*time.Second),
		kgo.RecheckPreferredReplicaInterval(time.Second))

	next := 0
	// passes produces records one by one, and returns the consumer's longest wait.
	passes := func(records int) (slowest time.Duration) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range records {
			if err := producer.ProduceSync(ctx, kgo.StringRecord(strconv.Itoa(next))).FirstErr(); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for got := 0; got == 0; {
				fetches := consumer.PollFetches(ctx)
				if ctx.Err() != nil {
					t.Fatalf("record %d does not come", next)
				}
				fetches.EachRecord(func(r *kgo.Record) {
					if string(r.Value) != strconv.Itoa(next) || r.Offset != int64(next) {
						t.Errorf("record %s at %d, want %d", r.Value, r.Offset, next)
					}
					got++
				})
			}
			slowest = max(slowest, time.Since(began))
			next++
		}
		return slowest
	}
	passes(1) // it asks the leader first
	from.taken()
	slowest := passes(100)
	if taken := from.taken(); taken[near.ID] != 100 || len(taken) != 1 {
		t.Errorf("batches by node: %v, want all from node %d, node %d leads", taken, near.ID, leader.ID)
	}
	measured(t, "the slowest record, from its acknowledgement on", slowest, 400*time.Millisecond)
	near.Crash()
	slowest = passes(20)
	taken := from.taken()
	t.Logf("node %d killed: the slowest record came %v after it was acknowledged, from %v", near.ID, slowest, taken)
	if taken[near.ID] > 0 || next != 121 {
		t.Errorf("%d records, batches by node: %v", next, taken)
	}
}

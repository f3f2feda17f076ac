//go:build raft

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sources counts the batches that a consumer was sent, by the node that it has them from.
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

// A consumer reads from the node in its rack, hears of new records there without delay, and goes on elsewhere when
// that node dies. franz-go asks a dead node until it is time to ask the leader again whom to read from.
func TestAConsumerReadsInItsRack(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil, "--set", "kafka.broker.rack=rack-{id}",
		"--set", "kafka.replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector")
	c.create(t, "near", 1)
	leader := c.leader(t, "near", 0)
	near := c.all[int(leader.id)%len(c.all)]
	producer := c.client(t, kgo.DefaultProduceTopic("near"), kgo.ProducerLinger(0))
	from := &sources{batches: make(map[int32]int)}
	consumer := c.client(t, kgo.ConsumeTopics("near"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.Rack(fmt.Sprint("rack-", near.id)),
		kgo.WithHooks(from), kgo.MetadataMinAge(100*time.Millisecond), kgo.FetchMaxWait(5*time.Second),
		kgo.RecheckPreferredReplicaInterval(time.Second))

	next := 0
	// passes produces records one by one, and returns how long the consumer has waited for the slowest.
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
	if taken := from.taken(); taken[near.id] != 100 || len(taken) != 1 {
		t.Errorf("batches by node: %v, want all from node %d, node %d leads", taken, near.id, leader.id)
	}
	measured(t, "the slowest record, from its acknowledgement on", slowest, 400*time.Millisecond)
	near.crash()
	slowest = passes(20)
	taken := from.taken()
	t.Logf("node %d killed: the slowest record came %v after it was acknowledged, from %v", near.id, slowest, taken)
	if taken[near.id] > 0 || next != 121 {
		t.Errorf("%d records, batches by node: %v", next, taken)
	}
}

// Kafka's own consumer and librdkafka's read from the node in their rack, too, and go on elsewhere when it dies. How
// much each node has sent to clients is counted on the way.
func TestOtherConsumersReadInTheirRackInACluster(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	const records, size = 100, 10 << 10
	for name, start := range map[string]func(t *testing.T, v *verifiable, seeds, rack string) *program{
		"java": func(t *testing.T, v *verifiable, seeds, rack string) *program {
			config := filepath.Join(t.TempDir(), "consumer")
			writeFile(t, config, "client.rack="+rack+"\nmetadata.max.age.ms=2000\n")
			return v.start(t, "kafka/kafka", "verifiable-consumer", "--bootstrap-server", seeds, "--topic", "near", "--group-id", "near", "--verbose",
				"--command-config", config)
		},
		"librdkafka": func(t *testing.T, v *verifiable, seeds, rack string) *program {
			return v.start(t, "clients/python/run", "work.py", "consume", seeds, "near", "near", rack)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := startNodes(t, 3, newNetwork(t), "--set", "kafka.broker.rack=rack-{id}",
				"--set", "kafka.replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector")
			c.create(t, "near", 1)
			leader := c.leader(t, "near", 0)
			near := c.all[int(leader.id)%len(c.all)]
			producer := c.client(t, kgo.DefaultProduceTopic("near"), kgo.ProducerBatchCompression(kgo.NoCompression()))
			v := newVerifiable()
			reads := func(want int) {
				t.Helper()
				within(t, time.Minute, "the consumer has read what was written", func() bool {
					v.mu.Lock()
					defer v.mu.Unlock()
					return len(v.shown) >= want
				})
			}
			write := func() {
				t.Helper()
				for range records {
					if err := producer.ProduceSync(t.Context(), kgo.StringRecord(strings.Repeat("x", size))).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
			}
			write()
			start(t, v, strings.Join(c.seeds(), ","), fmt.Sprint("rack-", near.id))
			reads(records)
			c.network.taken()
			write()
			reads(2 * records)
			if taken := c.network.taken(); taken[near.id] < records*size || taken[leader.id] > records*size/10 {
				t.Errorf("bytes sent by node: %v, want all from node %d, node %d leads", taken, near.id, leader.id)
			}
			near.crash()
			write()
			reads(3 * records)
		})
	}
}

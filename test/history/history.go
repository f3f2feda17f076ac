// Package history records the answers that clients get from brokers, and checks them against what is stored. Every
// acknowledged record must be there, once, at its acknowledged offset, and in its producer's order. History has
// producers of its own; Verifiable runs programs of Kafka's Java client and of librdkafka.
package history

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
)

// Position is where a record is, by the broker's answer.
type Position struct {
	Partition int32
	Offset    int64
}

// History is a topic's producers and the records that were acknowledged to them. Its exported fields except Gone may be
// changed while no producer runs.
type History struct {
	Topic   string
	Gone    atomic.Bool        // the topic is deleted, or about to be: records may fail
	Seeds   []string           // the brokers' addresses
	Padding int                // bytes that a record has behind its number
	Acked   map[int64]Position // by record: producer<<40 | sequence

	mu    sync.Mutex    // of Acked, too, while producers run
	count map[int32]int // of acknowledged records, by partition
}

// New returns a history of the topic "kept" on the brokers at seeds.
func New(seeds ...string) *History {
	return &History{Topic: "kept", Seeds: seeds, Acked: make(map[int64]Position), count: make(map[int32]int)}
}

// Produce sends numbered records until ctx ends, one in each interval, and then waits for the answers to all of them,
// for a minute at most. It does not wait when the topic is gone or the test has failed.
func (h *History) Produce(ctx context.Context, t *testing.T, id, partitions int, interval time.Duration) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(h.Seeds...), kgo.DefaultProduceTopic(h.Topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(500), kgo.MaxBufferedBytes(2<<20), kgo.AlwaysRetryEOF(),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.RequestRetries(1<<30), kgo.RecordRetries(1<<30), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Error(err)
		return
	}
	closeClient := sync.OnceFunc(cl.Close)
	defer closeClient()
	// Answers do not matter when the test has failed, and do not come when the topic was deleted.
	pointless := func() bool { return h.Gone.Load() || t.Failed() }
	// Only a closed client gives up records under way, since they may have been stored. The records' context does not
	// end them. While no broker answers, the next record waits for room in the buffer.
	defer context.AfterFunc(ctx, func() {
		answers := time.Minute
		if pointless() {
			answers = 0
		}
		time.AfterFunc(answers, closeClient)
	})()
	var failing sync.Once // one error stands for all records that fail with it
	for n, due := int64(0), time.Now(); ctx.Err() == nil; n, due = n+1, due.Add(interval) {
		time.Sleep(time.Until(due)) // sets the load
		key := int64(id)<<40 | n
		value := make([]byte, 8+h.Padding)
		binary.BigEndian.PutUint64(value, uint64(key))
		r := &kgo.Record{Partition: int32(n % int64(partitions)), Value: value}
		cl.Produce(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) {
			if err != nil && pointless() {
				return
			}
			if err != nil {
				failing.Do(func() { t.Errorf("record %d of producer %d: %v", n, id, err) })
				return
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			h.Acked[key] = Position{r.Partition, r.Offset}
			h.count[r.Partition]++
		})
	}
	if pointless() {
		return
	}
	flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := cl.Flush(flushing); err != nil {
		t.Errorf("producer %d: %v", id, err)
	}
}

// AwaitAcks returns when n more records were acknowledged.
func (h *History) AwaitAcks(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.Acked)
	}
	want, deadline := count()+n, time.Now().Add(time.Minute)
	for count() < want {
		if time.Now().After(deadline) {
			t.Fatalf("no %d records were acknowledged within a minute", n)
		}
		time.Sleep(time.Millisecond) // polls a condition with a deadline
	}
}

// AwaitEach returns when a further record was acknowledged in each partition.
func (h *History) AwaitEach(t *testing.T) {
	t.Helper()
	counts := func() map[int32]int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return maps.Clone(h.count)
	}
	before := counts()
	harness.Within(t, time.Minute, "a record is acknowledged in each partition", func() bool {
		now := counts()
		for partition, n := range before {
			if now[partition] == n {
				return false
			}
		}
		return true
	})
}

// Check reads everything, compares it with the acknowledged records, and returns the stored records by position.
func (h *History) Check(t *testing.T) map[Position]int64 {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(h.Seeds...), kgo.ConsumeTopics(h.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), h.Topic)
	if err != nil {
		t.Fatal(err)
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })

	type stream struct {
		partition int32
		producer  int64
	}
	seen, last := make(map[int64]Position), make(map[stream]int64)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d records are unread: %v", left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			key := int64(binary.BigEndian.Uint64(r.Value))
			at := Position{r.Partition, r.Offset}
			if before, twice := seen[key]; twice {
				t.Errorf("record %s is at %v and at %v", Name(key), before, at)
			}
			seen[key] = at
			s := stream{r.Partition, key >> 40}
			if before, ok := last[s]; ok && key <= before {
				t.Errorf("record %s came after %s in partition %d", Name(key), Name(before), r.Partition)
			}
			last[s] = key
		})
	}
	for key, acked := range h.Acked {
		if at, ok := seen[key]; !ok {
			t.Errorf("record %s was acknowledged and is lost", Name(key))
		} else if at != acked {
			t.Errorf("record %s was acknowledged at %v and is at %v", Name(key), acked, at)
		}
	}
	stored := make(map[Position]int64, len(seen))
	for key, at := range seen {
		stored[at] = key
	}
	return stored
}

// Name describes the record of a key of Acked.
func Name(key int64) string { return fmt.Sprintf("%d of producer %d", key&(1<<40-1), key>>40) }

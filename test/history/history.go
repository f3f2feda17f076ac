// Package history keeps what clients were told by brokers, and checks it against what is stored: what was acknowledged
// is there, once, where it was said to be, and in its producer's order. History has producers of its own; Verifiable is
// programs of Kafka's Java client and of librdkafka.
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

// Position is where the broker said that it has put a record.
type Position struct {
	Partition int32
	Offset    int64
}

// History is what producers were told. Its exported fields but Gone may be changed while no producer runs.
type History struct {
	Topic   string
	Gone    atomic.Bool        // the topic is deleted, or about to be: what is sent to it may fail
	Seeds   []string           // where the brokers are
	Padding int                // bytes that a record has behind its number
	Acked   map[int64]Position // by record: producer<<40 | sequence

	mu    sync.Mutex    // of Acked, too, while producers run
	count map[int32]int // of acknowledged records, by partition
}

// New returns a history of the topic "kept" on the brokers at seeds.
func New(seeds ...string) *History {
	return &History{Topic: "kept", Seeds: seeds, Acked: make(map[int64]Position), count: make(map[int32]int)}
}

// Produce sends numbered records until ctx ends, one in each interval, and then waits for the answers to all of them.
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
	defer cl.Close()
	// where nobody answers any more, a further record waits for room
	records, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer context.AfterFunc(ctx, func() {
		if h.Gone.Load() {
			abandon() // to a deleted topic nothing is acknowledged any more, and what may have been stored is never given up
		} else {
			time.AfterFunc(time.Minute, abandon)
		}
	})()
	var failing sync.Once // then all that wait fail
	for n, due := int64(0), time.Now(); ctx.Err() == nil; n, due = n+1, due.Add(interval) {
		time.Sleep(time.Until(due)) // sets the load
		key := int64(id)<<40 | n
		value := make([]byte, 8+h.Padding)
		binary.BigEndian.PutUint64(value, uint64(key))
		r := &kgo.Record{Partition: int32(n % int64(partitions)), Value: value}
		cl.Produce(records, r, func(r *kgo.Record, err error) {
			if err != nil && h.Gone.Load() {
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
	if h.Gone.Load() {
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

// Check reads everything, compares it with what producers were told, and returns what is where.
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
	for key, told := range h.Acked {
		if at, ok := seen[key]; !ok {
			t.Errorf("record %s was acknowledged and is lost", Name(key))
		} else if at != told {
			t.Errorf("record %s was said to be at %v and is at %v", Name(key), told, at)
		}
	}
	stored := make(map[Position]int64, len(seen))
	for key, at := range seen {
		stored[at] = key
	}
	return stored
}

// Name says in words which record a key of Acked is.
func Name(key int64) string { return fmt.Sprintf("%d of producer %d", key&(1<<40-1), key>>40) }

package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// crashes is how often the broker is killed; CHRONIK_CRASHES asks for more or fewer.
func crashes(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("CHRONIK_CRASHES"))
	if err != nil {
		n = 50
	}
	t.Logf("%d crashes", n)
	return n
}

// TestAcknowledgedRecordsSurviveKill produces with idempotent producers without a pause while the broker is killed and
// started again and again, with a journal of the default size and with a small one, and other topics come and go under
// load. At the end every acknowledged record of the topics that are left is there, once, and in its producer's order.
// It rules out the anomalies 1, 3, 4, 5 and 6 of a broker that restarts.
func TestAcknowledgedRecordsSurviveKill(t *testing.T) {
	skipInShortMode(t)
	const partitions, producers = 4, 3
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	b := start(t, "")
	addr, dir := b.addr, b.dir
	admin, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(admin).CreateTopic(t.Context(), partitions, 1, map[string]*string{"segment.bytes": kadm.StringPtr("4194304")}, "kept"); err != nil {
		t.Fatal(err)
	}
	admin.Close()
	others := newComing(t, addr)

	h := newHistory(b.addr)
	loading, stopLoading := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for id := range producers {
		load.Go(func() { h.produce(loading, t, id, partitions, 0) })
	}
	for n := range crashes(t) {
		others.turn(t)
		h.awaitAcks(t, 1+random.IntN(200))
		b.kill()
		var args []string
		if n%2 == 0 {
			args = []string{"--set", "journal.file_size=1MiB"}
		}
		b = startAt(t, dir, addr, args...)
	}
	h.awaitAcks(t, 200)
	stopLoading()
	load.Wait()
	others.stop()
	b.kill()
	startAt(t, dir, addr)
	h.check(t)
	others.check(t)
	t.Logf("%d records acknowledged in the topic that stays", len(h.acked))
}

// position is where the broker said that it has put a record.
type position struct {
	partition int32
	offset    int64
}

// history is what producers were told.
type history struct {
	topic   string
	gone    atomic.Bool // the topic is deleted, or about to be: what is sent to it may fail
	seeds   []string    // where the brokers are
	padding int         // bytes that a record has behind its number
	mu      sync.Mutex
	acked   map[int64]position // by record: producer<<40 | sequence
	count   map[int32]int      // of them, by partition
}

func newHistory(seeds ...string) *history {
	return &history{topic: "kept", seeds: seeds, acked: make(map[int64]position), count: make(map[int32]int)}
}

// produce sends numbered records until ctx ends, one in each interval, and then waits for the answers to all of them.
func (h *history) produce(ctx context.Context, t *testing.T, id, partitions int, interval time.Duration) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(h.seeds...), kgo.DefaultProduceTopic(h.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(500), kgo.MaxBufferedBytes(2<<20), kgo.AlwaysRetryEOF(),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.RequestRetries(1<<30), kgo.RecordRetries(1<<30), kgo.MetadataMinAge(100*time.Millisecond), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Error(err)
		return
	}
	defer cl.Close()
	// where nobody answers any more, a further record waits for room
	records, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer context.AfterFunc(ctx, func() {
		if h.gone.Load() {
			abandon() // to a deleted topic nothing is acknowledged any more, and what may have been stored is never given up
		} else {
			time.AfterFunc(time.Minute, abandon)
		}
	})()
	var failing sync.Once // then all that wait fail
	for n, due := int64(0), time.Now(); ctx.Err() == nil; n, due = n+1, due.Add(interval) {
		time.Sleep(time.Until(due)) // sets the load
		key := int64(id)<<40 | n
		value := make([]byte, 8+h.padding)
		binary.BigEndian.PutUint64(value, uint64(key))
		r := &kgo.Record{Partition: int32(n % int64(partitions)), Value: value}
		cl.Produce(records, r, func(r *kgo.Record, err error) {
			if err != nil && h.gone.Load() {
				return
			}
			if err != nil {
				failing.Do(func() { t.Errorf("record %d of producer %d: %v", n, id, err) })
				return
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			h.acked[key] = position{r.Partition, r.Offset}
			h.count[r.Partition]++
		})
	}
	if h.gone.Load() {
		return
	}
	flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := cl.Flush(flushing); err != nil {
		t.Errorf("producer %d: %v", id, err)
	}
}

// awaitAcks returns when n more records were acknowledged.
func (h *history) awaitAcks(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.acked)
	}
	want, deadline := count()+n, time.Now().Add(time.Minute)
	for count() < want {
		if time.Now().After(deadline) {
			t.Fatalf("no %d records were acknowledged within a minute", n)
		}
		time.Sleep(time.Millisecond) // polls a condition with a deadline
	}
}

// check reads everything, compares it with what producers were told, and returns what is where.
func (h *history) check(t *testing.T) map[position]int64 {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(h.seeds...), kgo.ConsumeTopics(h.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), h.topic)
	if err != nil {
		t.Fatal(err)
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })

	type stream struct {
		partition int32
		producer  int64
	}
	seen, last := make(map[int64]position), make(map[stream]int64)
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
			at := position{r.Partition, r.Offset}
			if before, twice := seen[key]; twice {
				t.Errorf("record %s is at %v and at %v", name(key), before, at)
			}
			seen[key] = at
			s := stream{r.Partition, key >> 40}
			if before, ok := last[s]; ok && key <= before {
				t.Errorf("record %s came after %s in partition %d", name(key), name(before), r.Partition)
			}
			last[s] = key
		})
	}
	for key, told := range h.acked {
		if at, ok := seen[key]; !ok {
			t.Errorf("record %s was acknowledged and is lost", name(key))
		} else if at != told {
			t.Errorf("record %s was said to be at %v and is at %v", name(key), told, at)
		}
	}
	stored := make(map[position]int64, len(seen))
	for key, at := range seen {
		stored[at] = key
	}
	return stored
}

func name(key int64) string { return fmt.Sprintf("%d of producer %d", key&(1<<40-1), key>>40) }

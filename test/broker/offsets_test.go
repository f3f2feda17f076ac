package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestOffsetsNeverGoBack watches high watermark and log start, and a group's committed offset, while a producer and a
// committer work and the broker is killed. None of them ever goes back (anomalies 7 and 16).
func TestOffsetsNeverGoBack(t *testing.T) {
	b := harness.Start(t, "")
	addr, dir := b.Addr, b.Dir
	quick := kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond })
	soon := kgo.MetadataMinAge(50 * time.Millisecond)
	cl := harness.NewClient(t, addr, quick, soon, kgo.DefaultProduceTopic("watched"), kgo.ProducerLinger(0),
		kgo.RequestRetries(1<<30), kgo.RecordRetries(1<<30))
	admin := kadm.NewClient(cl)
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "watched"); err != nil {
		t.Fatal(err)
	}
	working, stop := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	var mu sync.Mutex
	committed := int64(-1) // the last commit that was answered
	workers.Go(func() {
		for n := int64(0); working.Err() == nil; n++ {
			r, err := cl.ProduceSync(working, &kgo.Record{Value: []byte(strconv.FormatInt(n, 10))}).First()
			if err != nil {
				continue
			}
			var offsets kadm.Offsets
			offsets.AddOffset("watched", 0, r.Offset, -1)
			if resp, err := admin.CommitOffsets(working, "watchers", offsets); err == nil && resp.Error() == nil {
				mu.Lock()
				committed = r.Offset
				mu.Unlock()
			}
		}
	})
	watch := func(what string, read func(context.Context) (int64, error)) {
		workers.Go(func() {
			for last := int64(-1); working.Err() == nil; {
				now, err := read(working)
				if err != nil {
					continue
				}
				if now < last {
					t.Errorf("%s went from %d back to %d", what, last, now)
				}
				last = now
			}
		})
	}
	type listing func(context.Context, ...string) (kadm.ListedOffsets, error)
	lookup := func(list listing) func(context.Context) (int64, error) {
		return func(ctx context.Context) (int64, error) {
			listed, err := list(ctx, "watched")
			if err != nil {
				return 0, err
			}
			o, ok := listed.Lookup("watched", 0)
			if !ok || o.Err != nil {
				return 0, errors.Join(errors.New("not listed"), o.Err)
			}
			return o.Offset, nil
		}
	}
	watcher := kadm.NewClient(harness.NewClient(t, addr, quick, soon))
	watch("the high watermark", lookup(watcher.ListEndOffsets))
	watch("the log start", lookup(watcher.ListStartOffsets))
	watch("the committed offset", func(ctx context.Context) (int64, error) {
		mu.Lock()
		floor := committed
		mu.Unlock()
		fetched, err := watcher.FetchOffsets(ctx, "watchers")
		if err != nil {
			return 0, err
		}
		o, ok := fetched.Lookup("watched", 0)
		if !ok && floor < 0 || o.Err != nil {
			return 0, errors.New("nothing yet")
		}
		if o.At < floor || !ok {
			t.Errorf("commit %d was answered, then %d is there (%t)", floor, o.At, ok)
		}
		return o.At, nil
	})
	progress := func() int64 {
		mu.Lock()
		defer mu.Unlock()
		return committed
	}
	for range 10 {
		before := progress()
		harness.Within(t, time.Minute, "more commits are answered", func() bool { return progress() > before+20 })
		b.Kill()
		b = harness.StartAt(t, dir, addr)
	}
	stop()
	workers.Wait()
}

// TestAGroupGoesOnAfterACrash has a group of two consume while the broker is killed. Every record is processed, and
// each member's partitions are its own (anomalies 15 and 17 of the classic protocol).
func TestAGroupGoesOnAfterACrash(t *testing.T) {
	b := harness.Start(t, "")
	addr, dir := b.Addr, b.Dir
	producer := harness.NewClient(t, addr, kgo.DefaultProduceTopic("grouped"), kgo.RequestRetries(1<<30),
		kgo.RecordRetries(1<<30))
	if _, err := kadm.NewClient(producer).CreateTopic(t.Context(), 4, 1, nil, "grouped"); err != nil {
		t.Fatal(err)
	}
	consuming, stop := context.WithCancel(t.Context())
	var members sync.WaitGroup
	var mu sync.Mutex
	seen := make(map[string]int)
	for range 2 {
		m := harness.NewClient(t, addr, kgo.ConsumerGroup("members"), kgo.ConsumeTopics("grouped"),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(200*time.Millisecond))
		members.Go(func() {
			for consuming.Err() == nil {
				m.PollFetches(consuming).EachRecord(func(r *kgo.Record) {
					mu.Lock()
					seen[string(r.Value)]++
					mu.Unlock()
				})
			}
		})
	}
	sent := 0
	for range 5 {
		for range 200 {
			producer.Produce(t.Context(), &kgo.Record{Key: []byte(strconv.Itoa(sent)), Value: []byte(strconv.Itoa(sent))}, nil)
			sent++
		}
		if err := producer.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.Kill()
		b = harness.StartAt(t, dir, addr)
	}
	harness.Within(t, time.Minute, "all records are consumed", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) == sent
	})
	stop()
	members.Wait()
}

// TestConsumersReachTheEndPastCompactedHoles compacts a topic and reads it from the beginning. The newest value of
// every key is there, and the consumer's position comes to the end (anomalies 5, 18 and 20).
func TestConsumersReachTheEndPastCompactedHoles(t *testing.T) {
	b := harness.Start(t, "", "--set", "kafka.log.retention.check.interval.ms=200")
	cl := harness.NewClient(t, b.Addr, kgo.DefaultProduceTopic("compacted"), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	admin := kadm.NewClient(cl)
	configs := map[string]*string{
		"cleanup.policy": kadm.StringPtr("compact"), "segment.bytes": kadm.StringPtr("1048576"),
		"min.cleanable.dirty.ratio": kadm.StringPtr("0.01"),
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, configs, "compacted"); err != nil {
		t.Fatal(err)
	}
	const keys, rounds = 50, 120
	last := make(map[string]int64)
	for n := range keys * rounds {
		key := fmt.Sprintf("key-%d", n%keys)
		r, err := cl.ProduceSync(t.Context(), &kgo.Record{Key: []byte(key), Value: make([]byte, 1000)}).First()
		if err != nil {
			t.Fatal(err)
		}
		last[key] = r.Offset
	}
	end := int64(keys * rounds)
	read := func() (records int, newest map[string]int64) {
		newest = make(map[string]int64)
		start := map[string]map[int32]kgo.Offset{"compacted": {0: kgo.NewOffset().AtStart()}}
		reader := harness.NewClient(t, b.Addr, kgo.ConsumePartitions(start))
		defer reader.Close()
		for position := int64(0); position < end; {
			fetches := reader.PollFetches(t.Context())
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				if r.Offset < position {
					t.Errorf("offset %d came at position %d", r.Offset, position)
				}
				position = r.Offset + 1
				records++
				newest[string(r.Key)] = r.Offset
			})
		}
		return records, newest
	}
	harness.Within(t, 30*time.Second, "the topic is compacted", func() bool {
		records, newest := read()
		for key, offset := range last {
			if newest[key] != offset {
				t.Fatalf("the newest value of %s is at %d, was put at %d", key, newest[key], offset)
			}
		}
		return records < keys*rounds/2
	})
}

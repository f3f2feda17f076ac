//go:build raft

package chaos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
)

// cleanOften are settings with which nodes compact and delete every second, so that it happens between faults.
func cleanOften(more ...string) []string {
	return append([]string{"--set", "kafka.log.retention.check.interval.ms=1000"}, more...)
}

// otherTopics are topics beside the one of the history. One is compacted, one deletes old records, and some are
// created, deleted while they are produced to, and recreated under the same name.
type otherTopics struct {
	seeds []string
	stop  context.CancelFunc
	load  sync.WaitGroup

	mu     sync.Mutex
	newest map[string]int64 // by key of compacted: the newest value that was acknowledged
	acked  map[int64]int64  // by offset in trimmed: the record that was acknowledged there
	lives  int              // topics that were created and deleted
}

const (
	compacted, trimmed = "compacted", "trimmed"
	compactedKeys      = 20
)

// startOtherTopics creates the topics and puts load on them until check.
func startOtherTopics(t *testing.T, c *harness.Cluster) *otherTopics {
	t.Helper()
	o := &otherTopics{seeds: c.Seeds(), newest: make(map[string]int64), acked: make(map[int64]int64)}
	adm := kadm.NewClient(c.Client(t))
	for topic, configs := range map[string]map[string]string{
		compacted: {"cleanup.policy": "compact", "segment.ms": "500", "min.cleanable.dirty.ratio": "0.01"},
		trimmed:   {"retention.bytes": "100000", "segment.ms": "500"},
	} {
		all := map[string]*string{"min.insync.replicas": kadm.StringPtr("2")}
		for key, value := range configs {
			all[key] = kadm.StringPtr(value)
		}
		if _, err := adm.CreateTopic(t.Context(), 1, 3, all, topic); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	o.stop = stop
	o.load.Go(func() { o.produce(ctx, t, compacted, o.ackCompacted) })
	o.load.Go(func() { o.produce(ctx, t, trimmed, o.ackTrimmed) })
	for name := range 2 {
		o.load.Go(func() {
			for ctx.Err() == nil {
				o.live(ctx, t, fmt.Sprintf("comes-and-goes-%d", name))
			}
		})
	}
	return o
}

// keepTrying returns a client that retries until ctx ends. Then it is closed, because only that ends the records under
// way. closeClient closes it earlier.
func (o *otherTopics) keepTrying(
	ctx context.Context, t *testing.T, opts ...kgo.Opt,
) (cl *kgo.Client, closeClient func()) {
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(o.seeds...), kgo.ProducerLinger(0), kgo.RequestRetries(1 << 30), kgo.RecordRetries(1 << 30),
		kgo.UnknownTopicRetries(-1),
		kgo.AlwaysRetryEOF(),
		kgo.RetryBackoffFn(func(int) time.Duration {
			return 20 * time.Millisecond
		}), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, opts...)...)
	if err != nil {
		t.Error(err)
	}
	closeClient = sync.OnceFunc(cl.Close)
	context.AfterFunc(ctx, closeClient)
	return cl, closeClient
}

// produce sends numbered records to partition 0 of a topic, one at a time.
func (o *otherTopics) produce(ctx context.Context, t *testing.T, topic string,
	acknowledged func(*testing.T, *kgo.Record, int64),
) {
	cl, closeClient := o.keepTrying(ctx, t)
	defer closeClient()
	for n := int64(0); ctx.Err() == nil; n++ {
		value := binary.BigEndian.AppendUint64(make([]byte, 0, 1000), uint64(n))[:1000]
		r := &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "key-%d", n%compactedKeys), Value: value}
		switch err := cl.ProduceSync(ctx, r).FirstErr(); {
		case err == nil:
			acknowledged(t, r, n)
		case ctx.Err() == nil:
			t.Errorf("record %d of %s: %v", n, topic, err)
			return
		}
		pause(ctx, 2*time.Millisecond) // sets the load
	}
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (o *otherTopics) ackCompacted(_ *testing.T, r *kgo.Record, n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.newest[string(r.Key)] = n
}

func (o *otherTopics) ackTrimmed(t *testing.T, r *kgo.Record, n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if before, twice := o.acked[r.Offset]; twice {
		t.Errorf("records %d and %d of %s were both acknowledged at offset %d", before, n, trimmed, r.Offset)
	}
	o.acked[r.Offset] = n
}

// live creates a topic, fills it, reads it, and deletes it while it is produced to.
func (o *otherTopics) live(ctx context.Context, t *testing.T, topic string) {
	l := &life{otherTopics: o, topic: topic, unknown: make(map[int]int)}
	l.renew(ctx, t)
	defer func() { l.closeClient() }()
	until := func(done func(adm *kadm.Client) (bool, error)) {
		for ctx.Err() == nil {
			if ok, _ := done(kadm.NewClient(l.cl)); ok { // an error means another attempt
				return
			}
			pause(ctx, 50*time.Millisecond)
		}
	}
	until(func(adm *kadm.Client) (bool, error) {
		resp, err := adm.CreateTopic(ctx, 1, 3, map[string]*string{"min.insync.replicas": kadm.StringPtr("2")}, topic)
		return err == nil || errors.Is(resp.Err, kerr.TopicAlreadyExists), err
	})
	if !l.fill(ctx, t) || !l.read(ctx, t) {
		return
	}
	flooding, drain := context.WithCancel(ctx)
	var flood sync.WaitGroup
	flood.Go(func() { o.flood(flooding, t, topic) })
	until(func(adm *kadm.Client) (bool, error) {
		_, err := adm.DeleteTopic(ctx, topic)
		return errors.Is(err, kerr.UnknownTopicOrPartition), err // when it is deleted
	})
	drain()
	flood.Wait()
	o.mu.Lock()
	o.lives++
	o.mu.Unlock()
}

// life is the time from a topic's creation to its deletion.
type life struct {
	*otherTopics
	topic       string
	cl          *kgo.Client
	closeClient func()
	unknown     map[int]int // by record, how often a client was given up that did not learn whether it was stored
}

const recordsPerLife = 50

// renew takes another client. A node that is behind may tell of the topic that had the name before. A client that has
// seen two ids never takes the second one, and gives its records up, also one that was sent and not answered.
func (l *life) renew(ctx context.Context, t *testing.T) {
	if l.closeClient != nil {
		l.closeClient()
		pause(ctx, 50*time.Millisecond)
	}
	l.cl, l.closeClient = l.keepTrying(ctx, t,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{l.topic: {0: kgo.NewOffset().AtStart()}}))
}

// fill produces numbered records, one at a time. It reports false when ctx has ended or a record has failed.
func (l *life) fill(ctx context.Context, t *testing.T) bool {
	for n := 0; n < recordsPerLife; {
		err := l.cl.ProduceSync(ctx, &kgo.Record{Topic: l.topic, Value: fmt.Append(nil, n)}).FirstErr()
		switch {
		case ctx.Err() != nil:
			return false
		case errors.Is(err, kerr.UnknownTopicID):
			l.unknown[n]++
			l.renew(ctx, t)
		case err != nil:
			t.Errorf("record %d of %s: %v", n, l.topic, err)
			return false
		default:
			n++
		}
	}
	return true
}

// read reads the records, and sees that they are those that were produced. It reports false when ctx has ended.
func (l *life) read(ctx context.Context, t *testing.T) bool {
	next, repeated := 0, make(map[int]int)
	for at := int64(0); next < recordsPerLife && ctx.Err() == nil; {
		fetched := l.cl.PollFetches(ctx)
		if errors.Is(fetched.Err(), kerr.UnknownTopicID) {
			l.renew(ctx, t)
			next, at = 0, 0
			clear(repeated)
			continue
		}
		fetched.EachRecord(func(r *kgo.Record) {
			n, err := strconv.Atoi(string(r.Value))
			switch {
			case err != nil || r.Offset != at || n > next || n < next && repeated[n] >= l.unknown[n]:
				t.Errorf("%s has %q at offset %d, want record %d at %d", l.topic, r.Value, r.Offset, next, at)
				next++
			case n < next:
				repeated[n]++
			default:
				next++
			}
			at++
		})
	}
	return ctx.Err() == nil
}

// flood produces large records without waiting for answers; they may be lost.
func (o *otherTopics) flood(ctx context.Context, t *testing.T, topic string) {
	cl, closeClient := o.keepTrying(ctx, t,
		kgo.MaxBufferedRecords(50), kgo.RecordRetries(3), kgo.UnknownTopicRetries(3))
	defer closeClient()
	value := make([]byte, 20_000)
	for ctx.Err() == nil {
		cl.Produce(ctx, &kgo.Record{Topic: topic, Value: value}, nil)
		pause(ctx, 2*time.Millisecond) // sets the load
	}
}

// check ends the load and checks the topics that are left.
func (o *otherTopics) check(t *testing.T, c *harness.Cluster) {
	t.Helper()
	o.end()
	o.seeds = c.Seeds() // others than in the beginning, when nodes were replaced
	values := make(map[string]int64)
	o.read(t, compacted, func(r *kgo.Record, n int64) { values[string(r.Key)] = n })
	for key, acked := range o.newest {
		if found, ok := values[key]; !ok || found < acked {
			t.Errorf("the newest value of %s is %d, %d was acknowledged", key, found, acked)
		}
	}
	first, last := int64(-1), int64(-1)
	o.read(t, trimmed, func(r *kgo.Record, n int64) {
		if acked, ok := o.acked[r.Offset]; ok && acked != n {
			t.Errorf("offset %d of %s has record %d, %d was acknowledged there", r.Offset, trimmed, n, acked)
		}
		if first < 0 {
			first = r.Offset
		} else if r.Offset != last+1 {
			t.Errorf("%s goes on at %d behind %d", trimmed, r.Offset, last)
		}
		last = r.Offset
	})
	for offset, n := range o.acked {
		if offset > last {
			t.Errorf("record %d of %s was acknowledged at %d, and the log ends with %d", n, trimmed, offset, last)
		}
	}
	t.Logf("%d acknowledged in %s, which begins at %d; %d keys in %s; %d topics created and deleted",
		len(o.acked), trimmed, first, len(values), compacted, o.lives)
}

// end ends the load. It may be called again.
func (o *otherTopics) end() {
	o.stop()
	o.load.Wait()
}

// read calls show with all records of a topic's only partition.
func (o *otherTopics) read(t *testing.T, topic string, show func(*kgo.Record, int64)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	from := kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}})
	cl, closeClient := o.keepTrying(ctx, t, from)
	defer closeClient()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	for next := int64(0); next < end.Offset; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%s is read up to %d of %d: %v", topic, next, end.Offset, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			show(r, int64(binary.BigEndian.Uint64(r.Value)))
			next = r.Offset + 1
		})
	}
}

package replicas

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// retain applies retention once; the logs of these tests keep nothing that is committed.
func (b *ringBroker) retain() {
	b.t.Helper()
	c := NewCleaner(b.partitions, slog.New(slog.DiscardHandler))
	c.retain(b.t.Context(), c.tryRetain)
	synctest.Wait()
}

func TestRetentionAcknowledgesNothingThatNoFollowerHas(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		time.Sleep(time.Second)
		r.broker(2).logs.Hold()
		r.broker(3).logs.Hold()
		answer := r.broker(1).send("orders", -1, "b")
		for id := int32(1); id <= 3; id++ {
			r.broker(id).retain()
			if start := r.broker(id).replica().log.StartOffset(); start != 1 {
				t.Errorf("the log of broker %d starts at %d, 1 is committed", id, start)
			}
		}
		if len(answer) > 0 {
			t.Fatal("acknowledged by retention")
		}
		r.broker(2).logs.Release()
		r.broker(3).logs.Release()
		if _, err := answered(t, answer); err != nil {
			t.Error(err)
		}
		r.agree("orders", []int32{1, 2, 3}, "a", "b")
	})
}

func TestCompactionStopsAtWhatIsCommittedOnLeadersAndFollowers(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		for id := int32(1); id <= 3; id++ {
			r.broker(id).configs.topic.Log.Compact = true
		}
		r.create("compacted", 1)
		r.broker(1).sent("compacted", "a")
		time.Sleep(time.Second)
		r.broker(2).logs.Hold()
		r.broker(3).logs.Hold()
		answer := r.broker(1).send("compacted", -1, "b")
		for id := int32(1); id <= 3; id++ {
			b := r.broker(id)
			NewCleaner(b.partitions, slog.New(slog.DiscardHandler)).compact(t.Context())
			if upTo := b.replicaOf("compacted").log.(*porttest.Log).Compactable(); upTo != 1 {
				t.Errorf("the log of broker %d may be compacted up to %d, 1 is committed", id, upTo)
			}
		}
		r.broker(2).logs.Release()
		r.broker(3).logs.Release()
		if _, err := answered(t, answer); err != nil {
			t.Error(err)
		}
	})
}

// A deposed leader deletes none of the records that it alone has. It has to truncate them.
func TestRetentionOfADeposedLeaderStopsAtWhatWasCommitted(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.isolate(1)
		<-r.broker(1).send("orders", 1, "nobody else has this")
		r.broker(1).retain()
		b, _ := r.store.Image().Broker(1)
		r.apply(metadata.FenceBroker{ID: 1, Epoch: b.Epoch})
		r.apply(metadata.UnfenceBroker{ID: 1, Epoch: b.Epoch})
		r.broker(2).sent("orders", "b")
		r.heal(1)
		r.agree("orders", []int32{1, 2, 3}, "a", "b")
		if start := r.broker(1).replica().log.StartOffset(); start != 1 {
			t.Errorf("the log starts at %d, 1 was committed", start)
		}
	})
}

// The log start offset may lie within a batch, which is replicated as a whole.
func TestAFollowerBeginsWithTheBatchThatTheLeadersLogStartsIn(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.isolate(3)
		answer := make(chan error, 1)
		req := &ProduceRequest{Acks: -1, Timeout: time.Minute, Parse: parseProduced}
		req.Partitions = []ProducePartition{{Topic: "orders", Records: newBatch(t, record.Options{}, "a", "b", "c")}}
		req.Done = func() { answer <- req.Partitions[0].Err }
		r.broker(1).produce.Produce(t.Context(), req)
		if _, err := answered(t, answer); err != nil {
			t.Fatal(err)
		}
		q := []DeleteRecordsQuery{{Topic: "orders", Offset: 2}}
		if r.broker(1).offsets.DeleteRecords(t.Context(), q); q[0].Err != nil {
			t.Fatal(q[0].Err)
		}
		r.heal(3)
		r.agree("orders", []int32{1, 2, 3}, "a", "b", "c")
		r.broker(1).sent("orders", "d")
		time.Sleep(time.Second)
		if l := r.broker(3).replica().log; l.StartOffset() != 2 || l.EndOffset() != 4 {
			t.Errorf("the log of the follower is from %d to %d, want 2 to 4", l.StartOffset(), l.EndOffset())
		}
	})
}

// cleanedLogs note which logs are cleaned. The compaction of those of topic "large" never ends by itself.
type cleanedLogs struct {
	*porttest.Logs
	compacted, retained chan string
}

type cleanedLog struct {
	ports.Log
	of *cleanedLogs
	id ports.LogID
}

func (s *cleanedLogs) Open(
	ctx context.Context, id ports.LogID, cfg *ports.LogConfig, state *partition.State, events ports.LogEvents,
) (ports.Log, error) {
	l, err := s.Logs.Open(ctx, id, cfg, state, events)
	return &cleanedLog{l, s, id}, err
}

func (l *cleanedLog) Compact(ctx context.Context, _ time.Time, _ func() int64) error {
	l.of.compacted <- l.id.Topic
	if l.id.Topic == "large" {
		<-ctx.Done()
	}
	return fault.CorruptMessage // which must not matter for the next log
}

func (l *cleanedLog) Retain(context.Context, time.Time, func() int64) error {
	l.of.retained <- l.id.Topic
	return errors.New("no space")
}

func TestACompactionThatTakesLongKeepsNoLogFromRetention(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		b := r.broker(1)
		logs := &cleanedLogs{b.logs, make(chan string, 1000), make(chan string, 1000)}
		b.partitions.logs = logs
		b.configs.topic.Log.Compact = true
		b.configs.ints["log.retention.check.interval.ms"] = 1000
		for _, topic := range []string{"large", "small"} {
			r.create(topic, 1)
			b.sent(topic, "a")
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := NewCleaner(b.partitions, slog.New(slog.DiscardHandler)).Run(ctx); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(10500 * time.Millisecond)
		retained := map[string]int{}
		for range len(logs.retained) {
			retained[<-logs.retained]++
		}
		if retained["large"] != 10 || retained["small"] != 10 {
			t.Errorf("retention in ten intervals: %v", retained)
		}
		cancel()
		running.Wait()
		compacted := map[string]int{}
		for range len(logs.compacted) {
			compacted[<-logs.compacted]++
		}
		if compacted["large"] != 1 || compacted["small"] > 1 {
			t.Errorf("compactions begun: %v", compacted)
		}
	})
}

// busyLogs are being changed for long the first times that retention is to be applied.
type busyLogs struct {
	*porttest.Logs
	times, retained int
}

type busyLog struct {
	ports.Log
	of *busyLogs
}

func (s *busyLogs) Open(
	ctx context.Context, id ports.LogID, cfg *ports.LogConfig, state *partition.State, events ports.LogEvents,
) (ports.Log, error) {
	l, err := s.Logs.Open(ctx, id, cfg, state, events)
	return &busyLog{l, s}, err
}

func (l *busyLog) Retain(context.Context, time.Time, func() int64) error {
	if l.of.times > 0 {
		l.of.times--
		return ports.ErrLogBusy
	}
	l.of.retained++
	return nil
}

func TestCatchingUpWaitsForALogThatIsBusy(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		b := r.broker(1)
		logs := &busyLogs{Logs: b.logs, times: 3}
		b.partitions.logs = logs
		r.create("busy", 1)
		b.sent("busy", "a")
		NewCleaner(b.partitions, slog.New(slog.DiscardHandler)).CatchUp(t.Context())
		if logs.retained != 1 {
			t.Errorf("retention was applied %d times", logs.retained)
		}
	})
}

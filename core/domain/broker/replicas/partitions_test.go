package replicas

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestALogThatCannotBeOpenedIsTriedAgainAfterAWhileAndLoggedOnce(t *testing.T) {
	f := newFixture(t)
	var lines bytes.Buffer
	f.partitions.log = slog.New(slog.NewTextHandler(&lines, nil))
	synctest.Test(t, func(t *testing.T) {
		attempts, damaged := 0, true
		f.logs.OnOpening(func(ports.LogID) error {
			attempts++
			if damaged {
				return errors.New("index file is damaged")
			}
			return nil
		})
		ask := func() error {
			_, err := f.partitions.LeaderByName(t.Context(), "orders", 0)
			return err
		}
		for range 100 {
			if err := ask(); !errors.Is(err, fault.KafkaStorageError) {
				t.Fatalf("LeaderByName() = %v", err)
			}
		}
		if attempts != 1 {
			t.Errorf("%d attempts at once, want 1", attempts)
		}
		time.Sleep(reopenAfter)
		if err := ask(); !errors.Is(err, fault.KafkaStorageError) || attempts != 2 {
			t.Errorf("after a while: %v with %d attempts, want 2", err, attempts)
		}
		if n, _ := f.partitions.InNeed(); n != 1 {
			t.Errorf("%d partitions are offline, want 1", n)
		}
		damaged = false
		time.Sleep(reopenAfter)
		if err := ask(); err != nil {
			t.Errorf("once it is repaired: %v", err)
		}
		if n, _ := f.partitions.InNeed(); n != 0 {
			t.Errorf("once it is repaired %d partitions are offline", n)
		}
	})
	if n := strings.Count(lines.String(), "\n"); n != 2 {
		t.Errorf("%d lines are logged, want one that it cannot be opened, and one that it is open:\n%s", n, &lines)
	}
}

func TestAPartitionServesWhileAnotherOfItsTopicIsOpened(t *testing.T) {
	f := newFixture(t)
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		f.logs.OnOpening(func(id ports.LogID) error {
			if id.Partition == 1 {
				<-slow
			}
			return nil
		})
		opened := make(chan error, 1)
		go func() {
			_, err := f.partitions.LeaderByName(t.Context(), "orders", 1)
			opened <- err
		}()
		synctest.Wait()
		if got := f.sent(t, newBatch(t, record.Options{}, "a")); got.Err != nil {
			t.Errorf("the neighbour: %v", got.Err)
		}
		f.follow(t)
		close(slow)
		if err := <-opened; err != nil {
			t.Errorf("the slow one: %v", err)
		}
	})
}

func TestATopicThatIsDeletedWhileALogIsOpenedLeavesNone(t *testing.T) {
	f := newFixture(t)
	opening, slow := make(chan struct{}), make(chan struct{})
	f.logs.OnOpening(func(ports.LogID) error {
		close(opening)
		<-slow
		return nil
	})
	var work sync.WaitGroup
	work.Go(func() { _, _ = f.partitions.LeaderByName(t.Context(), "orders", 0) })
	<-opening
	f.apply(t, metadata.DeleteTopic{ID: metadata.TopicID{1}})
	work.Go(func() { f.follow(t) })
	close(slow)
	work.Wait()
	if len(f.logs.Deleted()) != 1 {
		t.Errorf("deleted %v, want the log that was being opened", f.logs.Deleted())
	}
	for p := range f.partitions.Open() {
		t.Errorf("%s-%d is open", p.topic, p.index)
	}
}

func TestAPartitionThatIsNewerThanItsTopicsEntryIsOpened(t *testing.T) {
	f := newFixture(t)
	f.sent(t, newBatch(t, record.Options{}, "a"))
	f.apply(t, metadata.CreatePartitions{Topic: "orders", Count: 5})
	if _, err := f.partitions.LeaderByName(t.Context(), "orders", 4); err != nil {
		t.Errorf("LeaderByName() = %v", err)
	}
}

func TestAChangeWhileALogIsOpenedIsNotMissed(t *testing.T) {
	f := newFixture(t)
	var changed atomic.Bool
	f.logs.OnOpening(func(ports.LogID) error {
		if changed.CompareAndSwap(false, true) {
			f.configs.topic.MaxMessageBytes = 77
			f.partitions.Reconfigure()
		}
		return nil
	})
	p, err := f.partitions.LeaderByName(t.Context(), "orders", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.config.Load().MaxMessageBytes; got != 77 {
		t.Errorf("max.message.bytes is %d, want 77", got)
	}
}

func BenchmarkLeader(b *testing.B) {
	f := &fixture{store: porttest.NewStore(), logs: porttest.NewLogs(), configs: newFixedConfigs()}
	for _, cmd := range []metadata.Command{
		metadata.RegisterBroker{ID: 1},
		metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{1}, Partitions: 1, ReplicationFactor: 1},
	} {
		if _, err := f.store.Apply(b.Context(), cmd); err != nil {
			b.Fatal(err)
		}
	}
	ps := NewPartitions(f.store, f.logs, f.configs, 1, 1, NewEndlessLease(time.Now), nil, time.Now,
		slog.New(slog.DiscardHandler))
	topic, _ := f.store.Image().Topic("orders")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := ps.Leader(b.Context(), topic, 0); err != nil {
				b.Error(err)
			}
		}
	})
}

func TestAnImageThatIsBehindTakesNoNewTopicAway(t *testing.T) {
	f := newFixture(t)
	behind := f.store.Image()
	f.apply(t, metadata.CreateTopic{Name: "new", ID: metadata.TopicID{9}, Partitions: 1, ReplicationFactor: 1})
	if _, err := f.partitions.LeaderByName(t.Context(), "new", 0); err != nil {
		t.Fatal(err)
	}
	f.alignment = newAlignment(f.partitions)
	f.followTo(t, behind)
	p, err := f.partitions.LeaderByName(t.Context(), "new", 0)
	if err != nil || p.failed() != nil || len(f.logs.Deleted()) > 0 {
		t.Errorf("partition of the new topic: %v, %v, deleted %v", err, p.failed(), f.logs.Deleted())
	}
}

// TestARecordForADeletedTopicDoesNotReachTheOneThatHasItsName has both led in the same epoch.
func TestARecordForADeletedTopicDoesNotReachTheOneThatHasItsName(t *testing.T) {
	f := newFixture(t)
	old, made := metadata.TopicID{9}, metadata.TopicID{10}
	f.apply(t, metadata.CreateTopic{Name: metadata.OffsetsTopic, ID: old, Partitions: 1, ReplicationFactor: 1})
	epoch, err := f.partitions.LeaderEpoch(t.Context(), metadata.OffsetsTopic, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.apply(t, metadata.DeleteTopic{ID: old})
	f.follow(t)
	f.apply(t, metadata.CreateTopic{Name: metadata.OffsetsTopic, ID: made, Partitions: 1, ReplicationFactor: 1})
	f.follow(t)
	late := newBatch(t, record.Options{}, "of the deleted one")
	if _, err := f.partitions.Start(t.Context(), old, 0, epoch, late); !errors.Is(err, fault.NotLeaderOrFollower) {
		t.Errorf("Start() = %v", err)
	}
	p, err := f.partitions.LeaderByName(t.Context(), metadata.OffsetsTopic, 0)
	if err != nil {
		t.Fatal(err)
	}
	if end := p.log.EndOffset(); end != 0 {
		t.Errorf("the log of the new one ends at %d", end)
	}
}

// The topic in between goes away before the log of the first one can be deleted.
func TestALogIsOpenedBehindTwoDeletedTopicsOfItsName(t *testing.T) {
	f := newFixture(t)
	open := func() error {
		_, err := f.partitions.LeaderByName(t.Context(), "orders", 0)
		return err
	}
	f.sent(t, newBatch(t, record.Options{}, "a"))
	f.logs.OnDeleting(func(ports.LogID) error { return errors.New("input/output error") })
	for generation := range byte(2) {
		f.apply(t, metadata.DeleteTopic{ID: metadata.TopicID{1 + generation}})
		f.follow(t)
		f.apply(t, metadata.CreateTopic{
			Name: "orders", ID: metadata.TopicID{2 + generation}, Partitions: 1, ReplicationFactor: 1,
		})
		if err := open(); generation == 0 && !errors.Is(err, fault.KafkaStorageError) {
			t.Fatalf("with the log of the deleted topic in the way: %v", err)
		}
	}
	f.logs.OnDeleting(func(ports.LogID) error { return nil })
	f.partitions.clock = func() time.Time { return time.Now().Add(reopenAfter) } // the next attempt is due
	if err := open(); err != nil {
		t.Errorf("when it can be deleted: %v", err)
	}
}

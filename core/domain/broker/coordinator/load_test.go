package coordinator_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
)

func TestStatesAreWhatTheLogSaysAfterARestart(t *testing.T) {
	inWorld(t, time.Millisecond, func(t *testing.T, w *world) {
		l := w.on[1]
		added(t, l, "a", 1, 1)
		added(t, l, "b", 2, 2)
		added(t, l, "a", 3, 4)
		if found, err := l.Close(t.Context(), "b"); !found || err != nil {
			t.Errorf("Close() = %t, %v", found, err)
		}
		used := l.memory.Used()
		l = w.restart(1)
		sums(t, l, "a", 4)
		sums(t, l, "b", 0)
		if keys, err := l.Accounts(t.Context()); err != nil || len(keys) != 1 {
			t.Errorf("Accounts() = %v, %v, want a", keys, err)
		}
		if got := l.memory.Used(); got != used {
			t.Errorf("%d bytes are accounted for, before the restart %d", got, used)
		}
	})
}

// appendRecord appends a record to the log that no ledger has written.
func (w *world) appendRecord(p, broker, epoch int32, key, value []byte) {
	w.t.Helper()
	b := record.NewBuilder(record.Options{})
	b.Append(0, key, value)
	batch, err := b.Build()
	if err != nil {
		w.t.Fatal(err)
	}
	wait, err := w.log.Of(broker).Start(w.t.Context(), metadata.TopicID{1}, p, epoch, batch)
	if err == nil {
		err = wait(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestRecordsOfAnotherKindAreSkippedAndDamagedOnesAreNot(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		key := neighbours(1)[0]
		added(t, w.on[1], key, 1, 1)
		w.appendRecord(0, 1, 0, []byte("foreign"), []byte("?"))
		l := w.restart(1)
		sums(t, l, key, 1)
		w.appendRecord(0, 1, 0, []byte(key), []byte("?"))
		l = w.restart(1)
		_, err := l.Get(t.Context(), key)
		wants(t, err, fault.CoordinatorNotAvailable)
	})
}

// Anomaly 17: coordinator loading for ever.
func TestARequestWaitsASecondForALoadingAndThenIsToldToTryAgain(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		added(t, w.on[1], "a", 1, 1)
		w.log.Set(func() { w.log.ReadDelay = 1500 * time.Millisecond })
		l := w.restart(1)
		began := time.Now()
		_, err := l.Get(t.Context(), "a")
		wants(t, err, fault.CoordinatorLoadInProgress)
		if took := time.Since(began); took != time.Second {
			t.Errorf("answered after %v, want a second", took)
		}
		sums(t, l, "a", 1) // by now it has been loaded
	})
}

func TestALoadingThatFailsIsTriedAgainByTheNextRequest(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		added(t, w.on[1], "a", 1, 1)
		w.log.Set(func() { w.log.Unread = fault.KafkaStorageError })
		l := w.restart(1)
		for range 2 {
			_, err := l.Get(t.Context(), "a")
			wants(t, err, fault.CoordinatorNotAvailable)
		}
		w.log.Set(func() { w.log.Unread = nil })
		sums(t, l, "a", 1)
	})
}

// Each request tries again, and each heartbeat of a group's member is one.
func TestALoadingThatFailsFloodsNoLog(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		var lines bytes.Buffer
		w.logger = slog.New(slog.NewTextHandler(&lines, nil))
		w.log.Set(func() { w.log.Unread = fault.KafkaStorageError })
		l := w.restart(1)
		for range 1000 {
			_, err := l.Get(t.Context(), "a")
			wants(t, err, fault.CoordinatorNotAvailable)
		}
		w.stop() // nothing is written to lines any more
		if n := strings.Count(lines.String(), "cannot load"); n == 0 || n > 100 {
			t.Errorf("%d lines for 1000 requests", n)
		}
	})
}

func TestRequestsShareOneLoading(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		synctest.Wait() // all partitions are loaded
		w.log.Set(func() { w.log.Reads, w.log.ReadDelay = 0, 100*time.Millisecond })
		l := w.restart(1)
		for range 10 {
			go func() { _, _ = l.Get(t.Context(), "a") }()
		}
		sums(t, l, "a", 0)
		w.log.Set(func() {
			if w.log.Reads != partitions {
				t.Errorf("the log was read %d times, want once per partition", w.log.Reads)
			}
		})
	})
}

func TestKeysOfOtherBrokersAreRefused(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		_, err := w.on[2].Get(t.Context(), "a")
		wants(t, err, fault.NotCoordinator)
		_, err = w.on[2].Add(t.Context(), "a", 1)
		wants(t, err, fault.NotCoordinator)
		if keys, err := w.on[2].Accounts(t.Context()); keys != nil || err != nil {
			t.Errorf("Accounts() = %v, %v", keys, err)
		}
		broker, err := w.on[2].Find(t.Context(), "a")
		if broker != 1 || err != nil {
			t.Errorf("Find() = %d, %v, want 1", broker, err)
		}
	})
}

func TestNoCoordinatorIsFoundWhileTheTopicCannotBeCreated(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		w.apply(metadata.DeleteTopic{ID: metadata.TopicID{1}})
		_, err := w.on[1].Find(t.Context(), "a")
		wants(t, err, fault.CoordinatorNotAvailable)
		_, err = w.on[1].Get(t.Context(), "a")
		wants(t, err, fault.NotCoordinator)
	})
}

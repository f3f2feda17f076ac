package coordinator_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

func TestAWriteIsAnsweredWhenItIsDurable(t *testing.T) {
	inWorld(t, time.Second, func(t *testing.T, w *world) {
		began := time.Now()
		var wg sync.WaitGroup
		for _, key := range neighbours(10) { // they do not wait for each other
			wg.Go(func() { added(t, w.on[1], key, 1, 1) })
		}
		wg.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("answered after %v, want the second that durability takes", took)
		}
	})
}

func TestAReaderOfUndurableStateWaitsUntilItIsDurable(t *testing.T) {
	inWorld(t, time.Second, func(t *testing.T, w *world) {
		go func() { _, _ = w.on[1].Add(t.Context(), "a", 1) }()
		synctest.Wait()
		began := time.Now()
		sums(t, w.on[1], "a", 1)
		if took := time.Since(began); took != time.Second {
			t.Errorf("seen after %v, want a second", took)
		}
		began = time.Now()
		sums(t, w.on[1], "a", 1)
		if took := time.Since(began); took != 0 {
			t.Errorf("what is durable is seen after %v", took)
		}
	})
}

func TestARefusedWriteLeavesEverythingAsItWas(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		added(t, w.on[1], "a", 1, 1)
		w.log.Set(func() { w.log.Refuse = fault.NotEnoughReplicas })
		_, err := w.on[1].Add(t.Context(), "a", 2)
		wants(t, err, fault.CoordinatorNotAvailable)
		_, err = w.on[1].Add(t.Context(), "b", 2)
		wants(t, err, fault.CoordinatorNotAvailable)
		_, err = w.on[1].Close(t.Context(), "a")
		wants(t, err, fault.CoordinatorNotAvailable)
		w.log.Set(func() { w.log.Refuse = nil })
		added(t, w.on[1], "a", 3, 4)
		if keys, err := w.on[1].Accounts(t.Context()); err != nil || len(keys) != 1 {
			t.Errorf("Accounts() = %v, %v: a refused write leaves a state behind", keys, err)
		}
	})
}

// Anomaly 16: a state lost, resurrected or going back.
func TestALostWriteHasTheLogReadAgain(t *testing.T) {
	inWorld(t, time.Second, func(t *testing.T, w *world) {
		keys := neighbours(3)
		for _, key := range keys {
			added(t, w.on[1], key, 1, 1)
		}
		w.log.Set(func() { w.log.Lose = fault.KafkaStorageError })
		var wg sync.WaitGroup
		for _, key := range keys[:2] {
			wg.Go(func() {
				_, err := w.on[1].Add(t.Context(), key, 1)
				wants(t, err, fault.NotCoordinator)
			})
		}
		synctest.Wait()
		wg.Go(func() {
			_, err := w.on[1].Get(t.Context(), keys[0]) // has read what is lost
			wants(t, err, fault.NotCoordinator)
		})
		wg.Wait()
		w.log.Set(func() { w.log.Lose = nil })
		for _, key := range keys {
			added(t, w.on[1], key, 1, 2)
		}
	})
}

func TestALoadingAfterALostWriteIsTriedAgainUntilItSucceeds(t *testing.T) {
	inWorld(t, 100*time.Millisecond, func(t *testing.T, w *world) {
		l, key := w.on[1], neighbours(1)[0]
		_, err := l.Post(t.Context(), posting{account: key, amount: 1, lifetime: 10 * time.Minute})
		wants(t, err, fault.None)
		w.log.Set(func() { w.log.Lose, w.log.Unread = fault.KafkaStorageError, fault.KafkaStorageError })
		_, err = l.Add(t.Context(), key, 1)
		wants(t, err, fault.NotCoordinator)
		synctest.Wait() // the first try has failed
		w.log.Set(func() { w.log.Lose, w.log.Unread = nil, nil })
		time.Sleep(time.Hour) // without a request
		if n := len(w.log.Durable(0)); n != 2 {
			t.Errorf("the log has %d batches, want the posting and the account's end", n)
		}
	})
}

func TestTheErrorsOfAnAppendAreThoseOfACoordinator(t *testing.T) {
	for failure, want := range map[fault.Kind]fault.Kind{
		fault.UnknownTopicOrPartition: fault.CoordinatorNotAvailable, fault.NotEnoughReplicas: fault.CoordinatorNotAvailable,
		fault.NotEnoughReplicasAfterAppend: fault.CoordinatorNotAvailable,
		fault.RequestTimedOut:              fault.CoordinatorNotAvailable,
		fault.NotLeaderOrFollower:          fault.NotCoordinator, fault.KafkaStorageError: fault.NotCoordinator,
		fault.MessageTooLarge: fault.Unknown, fault.RecordListTooLarge: fault.Unknown, fault.InvalidFetchSize: fault.Unknown,
		fault.NotCoordinator: fault.NotCoordinator,
	} {
		if got := fault.KindOf(coordinator.ResponseError(failure)); got != want {
			t.Errorf("%v is answered %v, want %v", failure, got, want)
		}
	}
	if err := coordinator.ResponseError(nil); err != nil {
		t.Errorf("success is answered %v", err)
	}
}

func TestAWaiterGivesUpAndTheWriteTakesEffectLater(t *testing.T) {
	inWorld(t, 2*writeTimeout, func(t *testing.T, w *world) {
		began := time.Now()
		_, err := w.on[1].Add(t.Context(), "a", 1)
		wants(t, err, fault.CoordinatorNotAvailable)
		if took := time.Since(began); took != writeTimeout {
			t.Errorf("answered after %v, want the write time-out %v", took, writeTimeout)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = w.on[1].Add(ctx, "a", 1)
		wants(t, err, fault.CoordinatorNotAvailable)
		time.Sleep(2 * writeTimeout)
		sums(t, w.on[1], "a", 2)
	})
}

// write writes n postings of 1 each at once.
func (l *ledger) write(ctx context.Context, key string, n int) error {
	_, err := l.Update(ctx, key, true, func(e *entry, done chan<- error) error {
		many := make([]posting, n)
		for i := range many {
			many[i] = posting{account: key, amount: 1}
		}
		return put(ctx, e, coordinator.Write[posting]{Records: many}, done, func() {
			for _, p := range many {
				e.State.apply(p, record.NoProducerID)
			}
		})
	})
	return err
}

func TestALargeWriteIsSeveralBatchesWithOneFate(t *testing.T) {
	const many = 30_000
	inWorld(t, time.Millisecond, func(t *testing.T, w *world) {
		key := neighbours(1)[0]
		wants(t, w.on[1].write(t.Context(), key, many), fault.None)
		if n := len(w.log.Durable(0)); n < 2 {
			t.Errorf("%d batches", n)
		}
		sums(t, w.restart(1), key, many)
	})
	inWorld(t, time.Millisecond, func(t *testing.T, w *world) { // the log refuses the batches after the first one
		key := neighbours(1)[0]
		w.log.Set(func() { w.log.Starts, w.log.RefuseFrom = 0, 2 })
		wants(t, w.on[1].write(t.Context(), key, many), fault.NotCoordinator)
		w.log.Set(func() { w.log.RefuseFrom = 0 })
		sum, err := w.on[1].Get(t.Context(), key)
		if wants(t, err, fault.None); sum == 0 || sum == many {
			t.Errorf("the sum is %d, want what the first batch has", sum)
		}
	})
}

func TestAWriteWithoutRecordsIsAnsweredAtOnce(t *testing.T) {
	inWorld(t, time.Hour, func(t *testing.T, w *world) {
		wants(t, w.on[1].write(t.Context(), "a", 0), fault.None)
		if keys, err := w.on[1].Accounts(t.Context()); err != nil || len(keys) != 0 {
			t.Errorf("Accounts() = %v, %v: a state without anything is kept", keys, err)
		}
	})
}

func TestAnEndedStateIsReplacedWhileItsLastRecordIsOnItsWay(t *testing.T) {
	inWorld(t, time.Second, func(t *testing.T, w *world) {
		added(t, w.on[1], "a", 1, 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			found, err := w.on[1].Close(t.Context(), "a")
			if wants(t, err, fault.None); !found {
				t.Error("not found")
			}
		})
		synctest.Wait()
		if found, err := w.on[1].Close(t.Context(), "a"); found || err != nil {
			t.Errorf("a closed account is closed again: %v", err)
		}
		added(t, w.on[1], "a", 5, 5)
		wg.Wait()
		sums(t, w.on[1], "a", 5)
		sums(t, w.restart(1), "a", 5)
	})
}

func TestTheEndOfRunAnswersAllWaitingRequests(t *testing.T) {
	inWorld(t, time.Hour, func(t *testing.T, w *world) {
		l, answer := w.on[1], make(chan error, 1)
		go func() {
			_, err := l.Add(t.Context(), "a", 1)
			answer <- err
		}()
		synctest.Wait()
		w.ending[1]()
		wants(t, <-answer, fault.NotCoordinator)
		_, err := l.Add(t.Context(), "a", 1)
		wants(t, err, fault.CoordinatorNotAvailable)
		if l.Go(func(context.Context) { t.Error("it works after its end") }) {
			t.Error("Go() takes work after the end")
		}
	})
}

func TestRunWaitsForWhatItWasAskedToDo(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		ended := false
		w.on[1].Go(func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
		})
		w.ending[1]()
		if !ended {
			t.Error("Run has ended before")
		}
	})
}

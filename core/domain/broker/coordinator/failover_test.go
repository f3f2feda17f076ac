package coordinator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestTheNextCoordinatorGoesOnWhereTheLogEnds(t *testing.T) {
	inWorld(t, time.Millisecond, func(t *testing.T, w *world) {
		key := neighbours(1)[0]
		added(t, w.on[1], key, 1, 1)
		w.elect(0, 2, 0)
		_, err := w.on[1].Add(t.Context(), key, 1)
		wants(t, err, fault.NotCoordinator)
		added(t, w.on[2], key, 2, 3)
		w.elect(0, 1, 0)
		_, err = w.on[2].Get(t.Context(), key)
		wants(t, err, fault.NotCoordinator)
		added(t, w.on[1], key, 3, 6)
	})
}

func TestAWriteThatAFailOverMeetsIsWhatTheLogSays(t *testing.T) {
	for kept, want := range []int64{1, 11, 111} { // of two writes
		inWorld(t, time.Second, func(t *testing.T, w *world) {
			key := neighbours(1)[0]
			added(t, w.on[1], key, 1, 1)
			answers := make(chan error, 2)
			for _, amount := range []int64{10, 100} {
				go func() {
					_, err := w.on[1].Add(t.Context(), key, amount)
					answers <- err
				}()
				synctest.Wait()
			}
			w.elect(0, 2, kept)
			sums(t, w.on[2], key, want)
			for range 2 {
				wants(t, <-answers, fault.NotCoordinator) // the write may be in the log, or not
			}
			added(t, w.on[2], key, 1000, want+1000)
		})
	}
}

func TestNothingIsWrittenInALeaderEpochThatWasNotLoaded(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		key := neighbours(1)[0]
		added(t, w.on[1], key, 1, 1)
		found, err := w.on[1].Update(t.Context(), key, false, func(e *entry, done chan<- error) error {
			w.log.Elect(0, 1, e.LeaderEpoch()+1, 0) // this broker again: between the look at the epoch and the append
			return e.Write(t.Context(), coordinator.Write[posting]{Records: []posting{{account: key, amount: 2}}}, done)
		})
		if wants(t, err, fault.NotCoordinator); !found {
			t.Error("not found")
		}
		sums(t, w.on[1], key, 1)
	})
}

func TestAWriteOfAnEarlierEpochIsNotTakenForOneOfThisEpoch(t *testing.T) {
	inWorld(t, time.Second, func(t *testing.T, w *world) {
		key, before := neighbours(1)[0], make(chan error, 1)
		go func() {
			_, err := w.on[1].Add(t.Context(), key, 1)
			before <- err
		}()
		time.Sleep(100 * time.Millisecond)
		w.log.Elect(0, 1, 1, 0)
		sums(t, w.on[1], key, 0) // loads the shard again
		wants(t, <-before, fault.NotCoordinator)
		began := time.Now()
		added(t, w.on[1], key, 2, 2)
		if took := time.Since(began); took != time.Second {
			t.Errorf("acknowledged after %v, before it was durable", took)
		}
	})
}

func TestALoadingOfAnEarlierEpochIsNotUsed(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		key, answer := neighbours(1)[0], make(chan error, 1)
		added(t, w.on[1], key, 1, 1)
		w.log.Set(func() { w.log.ReadDelay = 500 * time.Millisecond })
		l := w.restart(1)
		go func() {
			_, err := l.Get(t.Context(), key)
			answer <- err
		}()
		synctest.Wait() // the log is being read
		w.log.Elect(0, 2, 1, 0)
		w.appendRecord(0, 2, 1, []byte(key), posting{amount: 10}.Value())
		w.log.Elect(0, 1, 2, 0) // and the metadata do not show it yet
		wants(t, <-answer, fault.NotCoordinator)
		sums(t, l, key, 11)
	})
}

func TestACoordinatorWhoseLeaseHasEndedRefusesAndGoesOnWhenItIsRenewed(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		added(t, w.on[1], "a", 1, 1)
		synctest.Wait() // everything is loaded
		w.log.Set(func() { w.log.Deposed, w.log.Reads = fault.NotLeaderOrFollower, 0 })
		_, err := w.on[1].Get(t.Context(), "a")
		wants(t, err, fault.NotCoordinator)
		w.log.Set(func() { w.log.Deposed = nil })
		sums(t, w.on[1], "a", 1)
		w.log.Set(func() {
			if w.log.Reads != 0 {
				t.Errorf("the log was read %d times for nothing", w.log.Reads)
			}
		})
	})
}

func TestWaitingRequestsFailWhenAnotherBrokerIsElected(t *testing.T) {
	inWorld(t, time.Hour, func(t *testing.T, w *world) {
		key, answer := neighbours(1)[0], make(chan error, 1)
		go func() {
			_, err := w.on[1].Add(t.Context(), key, 1)
			answer <- err
		}()
		synctest.Wait()
		var state *account
		wants(t, w.on[1].View(t.Context(), key, func(e *entry) { state = e.State }), fault.None)
		began := time.Now()
		w.elect(0, 2, 0)
		wants(t, <-answer, fault.NotCoordinator)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("after %v", waited)
		}
		wants(t, state.abandoned, fault.NotCoordinator)
	})
}

func TestANewLeaderLoadsUnaskedWhenItsLeaseBegins(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		key := neighbours(1)[0]
		_, err := w.on[1].Post(t.Context(), posting{account: key, amount: 1, lifetime: time.Hour})
		wants(t, err, fault.None)
		w.log.Set(func() { w.log.Deposed = fault.NotLeaderOrFollower }) // its lease has not begun
		w.elect(0, 2, 0)
		time.Sleep(1500 * time.Millisecond)
		w.log.Set(func() { w.log.Deposed = nil })
		time.Sleep(2 * time.Minute) // without a request
		if n := len(w.log.Durable(0)); n != 2 {
			t.Errorf("%d batches, want the account's and, from the new leader, its end", n)
		}
		sums(t, w.on[2], key, 0)
	})
}

func TestTheStateOfADeletedTopicIsGoneWhenItIsCreatedAgain(t *testing.T) {
	for _, fewer := range []int32{partitions, 1} {
		inWorld(t, 0, func(t *testing.T, w *world) {
			for _, key := range []string{"a", "b", "c"} { // in partitions of their own
				added(t, w.on[1], key, 1, 1)
			}
			w.apply(metadata.DeleteTopic{ID: metadata.TopicID{1}})
			w.log.Delete(metadata.TopicID{1})
			_, err := w.on[1].Get(t.Context(), "a")
			wants(t, err, fault.NotCoordinator)
			w.create(metadata.TopicID{2}, fewer)
			for _, key := range []string{"a", "b", "c"} {
				sums(t, w.on[1], key, 0)
				added(t, w.on[1], key, 2, 2)
			}
			l := w.restart(1)
			for _, key := range []string{"a", "b", "c"} {
				sums(t, l, key, 2)
			}
		})
	}
}

func TestWaitingRequestsFailWhenTheTopicIsDeleted(t *testing.T) {
	inWorld(t, time.Hour, func(t *testing.T, w *world) {
		answer := make(chan error, 1)
		go func() {
			_, err := w.on[1].Add(t.Context(), "a", 1)
			answer <- err
		}()
		synctest.Wait()
		w.apply(metadata.DeleteTopic{ID: metadata.TopicID{1}})
		began := time.Now()
		wants(t, <-answer, fault.NotCoordinator)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("after %v", waited)
		}
	})
}

func TestWorkOutsideAStepFindsTheLeaderEpochThatItBeganIn(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		key := neighbours(1)[0]
		added(t, w.on[1], key, 1, 1)
		epoch := func(l *ledger) (now int32) {
			wants(t, l.View(t.Context(), key, func(e *entry) { now = e.LeaderEpoch() }), fault.None)
			return now
		}
		before := epoch(w.on[1])
		w.elect(0, 2, 0)
		if now := epoch(w.on[2]); now != before+1 {
			t.Errorf("leader epoch %d, before the election %d", now, before)
		}
	})
}

func TestAClientThatGoesAwayDoesNotUndoItsWrite(t *testing.T) {
	inWorld(t, time.Second, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = w.on[1].Add(ctx, "a", 1) }()
		synctest.Wait()
		cancel()
		sums(t, w.on[1], "a", 1)
		sums(t, w.restart(1), "a", 1)
	})
}

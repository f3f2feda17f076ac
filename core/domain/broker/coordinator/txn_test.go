package coordinator_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

func TestRecordsOfATransactionCountWhenItIsCommitted(t *testing.T) {
	for _, committed := range []bool{true, false} {
		for _, restarts := range []bool{false, true} { // with the transaction open, and after its end
			inWorld(t, time.Millisecond, func(t *testing.T, w *world) {
				l, keys := w.on[1], neighbours(3)
				added(t, l, keys[0], 1, 1)
				for i, key := range keys[:2] {
					wants(t, l.Stage(t.Context(), key, 7, int64(10*(i+1))), fault.None)
				}
				wants(t, l.Stage(t.Context(), keys[2], 8, 1000), fault.None) // of another producer
				added(t, l, keys[0], 2, 3)
				if restarts {
					l = w.restart(1)
				}
				sums(t, l, keys[0], 3)
				sums(t, l, keys[1], 0)
				wants(t, l.End(t.Context(), keys[0], 7, committed), fault.None)
				if restarts {
					l = w.restart(1)
				}
				want := map[bool][]int64{true: {13, 20, 0}, false: {3, 0, 0}}[committed]
				for i, key := range keys {
					sums(t, l, key, want[i])
				}
				wants(t, l.End(t.Context(), keys[0], 7, true), fault.None) // what has ended is not ended again
				sums(t, l, keys[0], want[0])
			})
		}
	}
}

func TestATransactionOutlivesAFailOver(t *testing.T) {
	inWorld(t, time.Millisecond, func(t *testing.T, w *world) {
		key := neighbours(1)[0]
		wants(t, w.on[1].Stage(t.Context(), key, 7, 10), fault.None)
		w.elect(0, 2, 0)
		wants(t, w.on[1].End(t.Context(), key, 7, true), fault.NotCoordinator)
		sums(t, w.on[2], key, 0)
		wants(t, w.on[2].End(t.Context(), key, 7, true), fault.None)
		sums(t, w.on[2], key, 10)
	})
}

func TestAMarkerIsKnownWhenItIsDurable(t *testing.T) {
	inWorld(t, time.Second, func(t *testing.T, w *world) {
		key := neighbours(1)[0]
		wants(t, w.on[1].Stage(t.Context(), key, 7, 10), fault.None)
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- w.on[1].End(t.Context(), key, 7, true) }()
		synctest.Wait()
		wants(t, w.on[1].View(t.Context(), key, func(e *entry) {
			if e.State.sum != 0 {
				t.Errorf("the sum is %d before the marker is durable", e.State.sum)
			}
		}), fault.None)
		wants(t, <-ended, fault.None)
		if took := time.Since(began); took != time.Second {
			t.Errorf("answered after %v", took)
		}
		sums(t, w.on[1], key, 10)
	})
}

func TestAMarkerThatIsRefusedOrLostMayBeSentAgain(t *testing.T) {
	inWorld(t, time.Second, func(t *testing.T, w *world) {
		key := neighbours(1)[0]
		wants(t, w.on[1].Stage(t.Context(), key, 7, 10), fault.None)
		w.log.Set(func() { w.log.Refuse = fault.NotEnoughReplicas })
		wants(t, w.on[1].End(t.Context(), key, 7, true), fault.CoordinatorNotAvailable)
		w.log.Set(func() { w.log.Refuse, w.log.Lose = nil, fault.KafkaStorageError })
		wants(t, w.on[1].End(t.Context(), key, 7, true), fault.NotCoordinator)
		w.log.Set(func() { w.log.Lose = nil })
		sums(t, w.on[1], key, 0)
		wants(t, w.on[1].End(t.Context(), key, 7, true), fault.None)
		sums(t, w.on[1], key, 10)
	})
}

package coordinator_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

func TestMemoryIsThatOfTheStates(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		l, keys := w.on[1], neighbours(2)
		takes := func(of *ledger, want int64) {
			t.Helper()
			synctest.Wait()
			if got := of.memory.Used(); got != want {
				t.Fatalf("%d bytes are in use, want %d", got, want)
			}
		}
		takes(l, 0)
		added(t, l, keys[0], 1, 1)
		added(t, l, keys[0], 1, 2)
		added(t, l, keys[1], 1, 1)
		takes(l, 120+110)
		_, err := l.Close(t.Context(), keys[1])
		wants(t, err, fault.None)
		takes(l, 120)
		w.elect(0, 2, 0) // broker 2 takes the accounts over
		takes(l, 0)
		takes(w.on[2], 120)
	})
}

func TestAReplacedStateTakesNoMemoryWhenItIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		loses func(w *world)
		want  int64 // bytes of what is loaded then
	}{
		"another broker is elected": {func(w *world) { w.elect(0, 2, 0) }, 0},
		"its last record is lost":   {func(w *world) { w.log.Set(func() { w.log.Lose = fault.KafkaStorageError }) }, 110},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, time.Second, func(t *testing.T, w *world) {
				l, key := w.on[1], neighbours(1)[0]
				added(t, l, key, 1, 1)
				var wg sync.WaitGroup
				wg.Go(func() {
					_, err := l.Close(t.Context(), key)
					wants(t, err, fault.NotCoordinator)
				})
				synctest.Wait() // it has ended, and its last record is on its way
				wg.Go(func() {
					_, err := l.Add(t.Context(), key, 5)
					wants(t, err, fault.NotCoordinator)
				})
				synctest.Wait() // another has its key
				c.loses(w)
				wg.Wait()
				synctest.Wait()
				if used := l.memory.Used(); used != c.want {
					t.Errorf("%d bytes are in use, want %d", used, c.want)
				}
			})
		})
	}
}

func TestMemoryAllowsWhatThereIsRoomFor(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		m := w.on[1].memory
		m.SetLimit(200)
		added(t, w.on[1], "a", 1, 1)
		for growth, want := range map[int]bool{90: true, 91: false, 0: true, -5: true} {
			if got := m.Allows(growth); got != want {
				t.Errorf("Allows(%d) = %t with 110 of 200 bytes in use", growth, got)
			}
		}
		m.SetLimit(10)
		if m.Allows(1) || !m.Allows(0) {
			t.Error("beyond the limit a state grows, or one is refused that does not grow")
		}
		sums(t, w.restart(1), "a", 1) // what is loaded counts, whatever the limit
	})
}

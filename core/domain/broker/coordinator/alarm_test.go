package coordinator_test

import (
	"slices"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

func TestAStateIsWokenAtItsDeadline(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		keys := neighbours(10)
		for i, key := range keys { // the last one is the first to be woken
			_, err := w.on[1].Post(t.Context(), posting{
				account: key, amount: 1,
				lifetime: time.Duration(len(keys)-i) * time.Minute,
			})
			wants(t, err, fault.None)
		}
		time.Sleep(time.Second)
		for left := range slices.Backward(keys) { // the number of accounts that are left
			time.Sleep(time.Minute)
			got, err := w.on[1].Accounts(t.Context())
			if wants(t, err, fault.None); len(got) != left {
				t.Errorf("%d accounts are left, want %d", len(got), left)
			}
		}
	})
}

func TestADeadlineMayMove(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		post := func(lifetime time.Duration, want int64) {
			t.Helper()
			sum, err := w.on[1].Post(t.Context(), posting{account: "a", amount: 1, lifetime: lifetime})
			if wants(t, err, fault.None); sum != want {
				t.Errorf("sum %d, want %d", sum, want)
			}
		}
		post(time.Hour, 1)
		post(time.Minute, 2) // earlier
		time.Sleep(30 * time.Second)
		post(time.Minute, 3) // later: the alarm that is set rings too early
		time.Sleep(45 * time.Second)
		sums(t, w.on[1], "a", 3)
		time.Sleep(16 * time.Second)
		sums(t, w.on[1], "a", 0)
	})
}

func TestWhatWasGivenUpIsNotWoken(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		key := neighbours(1)[0]
		_, err := w.on[1].Post(t.Context(), posting{account: key, amount: 1, lifetime: time.Second})
		wants(t, err, fault.None)
		w.elect(0, 2, 0)
		time.Sleep(30 * time.Second) // the new leader gives it a minute
		sums(t, w.on[2], key, 1)
		time.Sleep(time.Minute)
		sums(t, w.on[2], key, 0)
	})
}

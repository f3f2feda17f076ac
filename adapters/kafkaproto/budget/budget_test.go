package budget

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestALeaseThatAsksForMoreThanIsLeftWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100)
		var first, second Lease
		if err := first.Take(t.Context(), b, 80); err != nil {
			t.Fatal(err)
		}
		granted := false
		go func() {
			if err := second.Take(t.Context(), b, 30); err != nil {
				t.Error(err)
			}
			granted = true
		}()
		synctest.Wait()
		if granted {
			t.Fatal("110 of 100 bytes were granted")
		}
		first.Return()
		synctest.Wait()
		if !granted || b.Used() != 30 {
			t.Errorf("granted %t with %d bytes used, want 30", granted, b.Used())
		}
		second.Return()
	})
}

func TestOneOfTheLeasesThatHoldSomethingMayOverdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100)
		var leases [2]Lease
		for i := range leases {
			if err := leases[i].Take(t.Context(), b, 50); err != nil {
				t.Fatal(err)
			}
		}
		if err := leases[0].Take(t.Context(), b, 50); err != nil { // would wait for ever for the other
			t.Fatal(err)
		}
		granted := false
		go func() { granted = leases[1].Take(t.Context(), b, 50) == nil }()
		synctest.Wait()
		if granted {
			t.Fatal("two leases overdraw the budget")
		}
		leases[0].Return()
		synctest.Wait()
		if !granted {
			t.Fatal("the second is not served after the first has returned its bytes")
		}
		leases[1].Return()
	})
}

func TestTheLeaseThatOverdrawsDoesNotQueueBehindThoseThatWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100)
		var first, second Lease
		for _, l := range []*Lease{&first, &second} {
			if err := l.Take(t.Context(), b, 50); err != nil {
				t.Fatal(err)
			}
		}
		if err := first.Take(t.Context(), b, 10); err != nil { // overdraws
			t.Fatal(err)
		}
		granted := false
		go func() { granted = second.Take(t.Context(), b, 10) == nil }()
		synctest.Wait()
		if err := first.Take(t.Context(), b, 10); err != nil { // synctest fails when this never returns
			t.Fatal(err)
		}
		first.Return()
		synctest.Wait()
		if !granted {
			t.Error("the second is not served")
		}
		second.Return()
	})
}

func TestALeaseThatGivesUpLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		var held, gone, next Lease
		if err := held.Take(t.Context(), b, 6); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := gone.Take(ctx, b, 8); !errors.Is(err, context.Canceled) {
				t.Errorf("Take() = %v, want the context's error", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := next.Take(t.Context(), b, 4); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // next queues behind gone
		cancel()
		wg.Wait()
		held.Return()
		next.Return()
		if b.Used() != 0 {
			t.Errorf("%d bytes are used at the end", b.Used())
		}
	})
}

func TestBudgetNeverDeadlocksAndIsNeverExceededByMoreThanOneLease(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		capacity := rapid.Int64Range(1, 100).Draw(rt, "capacity")
		holders := rapid.SliceOfN(rapid.SliceOfN(rapid.Int64Range(1, 60), 1, 5), 1, 8).Draw(rt, "holders")
		largest := int64(0)
		for _, steps := range holders {
			sum := int64(0)
			for _, n := range steps {
				sum += n
			}
			largest = max(largest, sum)
		}
		b := New(capacity)
		var wg sync.WaitGroup
		for _, steps := range holders {
			wg.Go(func() {
				var l Lease
				for _, n := range steps {
					if err := l.Take(context.Background(), b, n); err != nil {
						rt.Error(err)
					}
					if used := b.Used(); used > capacity+largest {
						rt.Errorf("%d of %d bytes are used", used, capacity)
					}
				}
				l.Return()
			})
		}
		wg.Wait()
		if b.Used() != 0 {
			rt.Errorf("%d bytes are used at the end", b.Used())
		}
	})
}

package quota

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestABurstCountsForOneSampleAndIsForgottenAfterAll(t *testing.T) {
	r := NewRate(11, time.Second)
	if got := r.Wait(0, 0); got != 0 {
		t.Errorf("of nothing, the wait is %v", got)
	}
	r.Record(4000, 0)
	for _, c := range []struct {
		now    time.Duration
		rate   int64
		limit  int64
		waited time.Duration
	}{
		{0, 4000, 4000, 0},
		{0, 4000, 2000, 2 * time.Second},
		{1500 * time.Millisecond, 2666, 2000, 500 * time.Millisecond},
		{2 * time.Second, 2000, 2000, 0},
		{2 * time.Second, 2000, 100, 9 * time.Second}, // 40 seconds by the rate, but it is forgotten before
		{2 * time.Second, 2000, 0, 9 * time.Second},
		{11 * time.Second, 0, 0, 0},
	} {
		if got := r.PerSecond(c.now); got != c.rate {
			t.Errorf("at %v the rate is %d, want %d", c.now, got, c.rate)
		}
		if got := r.Wait(c.limit, c.now); got != c.waited {
			t.Errorf("at %v the wait for %d is %v, want %v", c.now, c.limit, got, c.waited)
		}
	}
}

func TestTheLargestWindowIsNotTooLarge(t *testing.T) {
	r := NewRate(math.MaxInt32, math.MaxInt32*time.Second)
	r.Record(1000, time.Hour)
	if got := r.Wait(0, 2*time.Hour); got < 1000*time.Hour {
		t.Errorf("the wait is %v", got)
	}
	if got := r.Wait(1, 2*time.Hour); got != 0 {
		t.Errorf("the wait is %v for what one sample may have", got)
	}
}

// A sender that waits as long as it is told gets what the limit allows in the long run, however much it sends at once.
func TestASenderThatWaitsGetsTheLimit(t *testing.T) {
	const limit, second = 4 << 20, time.Second
	for name, atOnce := range map[string]int64{"small": 64 << 10, "usual": 1 << 20, "more than a second's": 10 << 20} {
		t.Run(name, func(t *testing.T) {
			r, now, sent := NewRate(11, second), time.Duration(0), int64(0)
			for now < 5*time.Minute {
				if wait := r.Wait(limit, now); wait > 0 {
					now += wait
					continue
				}
				r.Record(atOnce, now)
				sent += atOnce
				now += time.Millisecond
			}
			if rate := float64(sent) / now.Seconds(); rate > 1.1*limit || rate < 0.9*limit {
				t.Errorf("%.0f bytes a second, the limit is %d", rate, limit)
			}
		})
	}
}

// The wait is as long as it has to be, and not longer.
func TestTheWaitEndsWhenTheRateIsWithinTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := NewRate(rapid.IntRange(1, 12).Draw(t, "samples"),
			rapid.SampledFrom([]time.Duration{time.Second, 3 * time.Second}).Draw(t, "size"))
		limit, now := rapid.Int64Range(0, 5000).Draw(t, "limit"), time.Duration(0)
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(4*time.Second)).Draw(t, "passes"))
			r.Record(rapid.Int64Range(0, 20_000).Draw(t, "bytes"), now)
		}
		const tick = time.Millisecond // and a byte, for what is rounded
		wait := r.Wait(limit, now)
		if within := clone(r); within.PerSecond(now+wait) > limit {
			t.Fatalf("after the wait of %v the rate is %d, above %d", wait, within.PerSecond(now+wait), limit)
		}
		for at := now; at < now+wait-tick; at += max(wait/100, tick) {
			if over := clone(r); over.PerSecond(at) < limit {
				t.Fatalf("the wait is %v, but the rate is %d after %v, below %d", wait, over.PerSecond(at),
					at-now, limit)
			}
		}
	})
}

func clone(r *Rate) *Rate {
	c := *r
	c.samples = append([]sample(nil), r.samples...)
	return &c
}

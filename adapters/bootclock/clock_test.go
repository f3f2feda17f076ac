package bootclock

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheTimeGoesOnWhileTheMachineIsSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asleep atomic.Int64
		began := time.Now()
		c := newClock(func() time.Duration { return time.Hour + time.Since(began) + time.Duration(asleep.Load()) })
		first := c.Now()
		time.Sleep(time.Minute)
		if passed := c.Now().Sub(first); passed != time.Minute {
			t.Errorf("a minute took %v", passed)
		}
		asleep.Store(int64(time.Hour))
		time.Sleep(checkEvery)
		if passed := c.Now().Sub(first); passed != time.Hour+time.Minute+checkEvery {
			t.Errorf("an hour of sleep after a minute took %v", passed)
		}
		asleep.Add(int64(time.Second))
		time.Sleep(time.Minute)
		if passed := c.Now().Sub(first); passed != time.Hour+2*time.Minute+time.Second+checkEvery {
			t.Errorf("after another second of sleep, %v have passed", passed)
		}
	})
}

func TestTheTimeNeverGoesBack(t *testing.T) {
	c, last := New(), time.Time{}
	for range 100_000 {
		now := c.Now()
		if now.Before(last) {
			t.Fatalf("%v comes after %v", now, last)
		}
		last = now
	}
}

func TestAnUnknownBootTimeIsNoSuspension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(func() time.Duration { return 0 })
		first := c.Now()
		time.Sleep(time.Hour)
		if passed := c.Now().Sub(first); passed != time.Hour {
			t.Errorf("an hour took %v", passed)
		}
	})
}

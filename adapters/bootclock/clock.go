// Package bootclock is a clock that advances while the machine is suspended. Go's monotonic clock stops then: a lease
// of two seconds measured by it would last as long as the machine sleeps. A virtual machine that its host has paused is
// out of reach: its kernel does not know, so no clock of that machine shows it.
package bootclock

import (
	"sync/atomic"
	"time"
)

const (
	// checkEvery is the time awake between two checks for a suspension: each costs a system call.
	checkEvery = time.Millisecond
	// tolerance is how far the two clocks may differ because they are not read at the same moment.
	tolerance = 10 * time.Millisecond
)

// Clock is a clock whose times may be compared with each other only. It never goes back. Its methods
// may be called concurrently.
type Clock struct {
	boot    func() time.Duration // since the machine has started, suspended or not
	began   time.Time
	booted  time.Duration // what boot said at that moment
	checked atomic.Int64  // when boot was last called, as time awake since began
	asleep  atomic.Int64  // how long the machine was suspended since began
}

// New returns a clock. On operating systems other than Linux it is Go's monotonic clock.
func New() *Clock { return newClock(sinceBoot) }

func newClock(boot func() time.Duration) *Clock {
	return &Clock{boot: boot, began: time.Now(), booted: boot()}
}

// Now returns the time. Up to a millisecond after a suspension it may not include it yet.
func (c *Clock) Now() time.Time {
	awake := time.Since(c.began)
	if last := c.checked.Load(); awake-time.Duration(last) >= checkEvery && c.checked.CompareAndSwap(last, int64(awake)) {
		c.measure()
	}
	return time.Unix(0, int64(awake)+c.asleep.Load())
}

// measure updates how long the machine was suspended.
func (c *Clock) measure() {
	asleep := int64(c.boot() - c.booted - time.Since(c.began))
	for {
		known := c.asleep.Load()
		if asleep <= known+int64(tolerance) || c.asleep.CompareAndSwap(known, asleep) {
			return
		}
	}
}

// Package bootclock tells a time that goes on while the machine is suspended. Go's monotonic clock stands still then:
// a lease of two seconds that counted by it would hold for as long as the machine sleeps. That a host has paused a
// virtual machine, whose kernel does not know of it, no clock of that machine tells.
package bootclock

import (
	"sync/atomic"
	"time"
)

const (
	// looks is how often, in time that the machine is awake, it is found out whether it was
	// suspended: that costs a system call.
	looks = time.Millisecond
	// tolerance is how far the two clocks may be apart because they are not read at the same moment.
	tolerance = 10 * time.Millisecond
)

// Clock is a clock whose times may be compared with each other only. It never goes back. Its methods
// may be called concurrently.
type Clock struct {
	boot   func() time.Duration // since the machine has started, suspended or not
	began  time.Time
	booted time.Duration // what boot said at that moment
	looked atomic.Int64  // when boot was asked last, as time since began that the machine was awake
	asleep atomic.Int64  // how long the machine was suspended since began
}

// New returns a clock. Where the operating system does not tell of suspensions, it is Go's monotonic clock.
func New() *Clock { return newClock(sinceBoot) }

func newClock(boot func() time.Duration) *Clock {
	return &Clock{boot: boot, began: time.Now(), booted: boot()}
}

// Now returns the time. In the first millisecond after a suspension it may not know of it yet.
func (c *Clock) Now() time.Time {
	awake := time.Since(c.began)
	if last := c.looked.Load(); awake-time.Duration(last) >= looks && c.looked.CompareAndSwap(last, int64(awake)) {
		c.look()
	}
	return time.Unix(0, int64(awake)+c.asleep.Load())
}

// look finds out how long the machine was suspended.
func (c *Clock) look() {
	asleep := int64(c.boot() - c.booted - time.Since(c.began))
	for {
		known := c.asleep.Load()
		if asleep <= known+int64(tolerance) || c.asleep.CompareAndSwap(known, asleep) {
			return
		}
	}
}

package partition

import (
	"sync/atomic"
	"time"
)

// Lease says until when this broker may act as a leader without having heard from metadata. All its partitions share
// one. The metadata leader fences a broker, and elects others, only after the session that it has granted; the
// lease ends before that, because it counts from the moment a heartbeat was sent. Unlike the rest of the package it
// may be used concurrently. A nil Lease never ends.
//
// Times in this file and in Replica are of the broker's monotonic clock: how long after a fixed moment of the process.
type Lease struct{ until atomic.Int64 }

// Renew extends the lease: a heartbeat that was sent at the time given has been answered. session is
// broker.session.timeout.ms, less what the clocks of two brokers may drift apart in that time.
func (l *Lease) Renew(sent, session time.Duration) {
	for {
		old := l.until.Load()
		if int64(sent+session) <= old || l.until.CompareAndSwap(old, int64(sent+session)) {
			return
		}
	}
}

// Live reports whether the lease holds at now.
func (l *Lease) Live(now time.Duration) bool { return l == nil || int64(now) < l.until.Load() }

package partition

import (
	"sync/atomic"
	"time"
)

// Lease is the time until which this broker may act as a leader without another answer from the metadata's leader. All
// partitions of the broker share one. The metadata's leader fences a broker, and elects other leaders, only after the
// session that it has granted. The lease ends earlier, because it counts from the moment when a heartbeat was sent.
// Lease is safe for concurrent use. A nil Lease never ends.
//
// Times in this file and in Replica are readings of the broker's monotonic clock, as durations since a fixed moment.
type Lease struct{ until atomic.Int64 }

// Renew extends the lease when a heartbeat was answered. sent is when the heartbeat was sent. session is
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

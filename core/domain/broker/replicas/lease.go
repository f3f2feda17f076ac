package replicas

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// Lease is the time for which this broker may lead partitions without an answer from the metadata's leader. After it,
// the broker may have been fenced and its partitions may have new leaders.
type Lease struct {
	clock ports.Clock
	began time.Time        // zero of the durations that the replicas count in
	of    *partition.Lease // nil: it never ends
}

// NewLease returns a lease that has expired until it is first renewed. clock should keep running while the machine is
// suspended, since the cluster fences this broker meanwhile.
func NewLease(clock ports.Clock) *Lease { return &Lease{clock, clock(), new(partition.Lease)} }

// NewEndlessLease returns the lease of a standalone broker.
func NewEndlessLease(clock ports.Clock) *Lease { return &Lease{clock: clock, began: clock()} }

// Now is the current time of the lease and of the replicas.
func (l *Lease) Now() time.Duration { return l.clock().Sub(l.began) }

// Holds reports whether this broker may lead now.
func (l *Lease) Holds() bool { return l.of.Live(l.Now()) }

// leasePart is the length of a lease as a fraction of the session. The rest covers clocks that run at different speeds.
const leasePart = 0.85

// Renew extends the lease when a heartbeat was answered. sent is when the heartbeat was sent, session is the session
// time-out.
func (l *Lease) Renew(sent, session time.Duration) {
	if l.of != nil {
		l.of.Renew(sent, time.Duration(float64(session)*leasePart))
	}
}

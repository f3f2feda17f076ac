package replicas

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// Lease says until when this broker may lead partitions without having heard from the metadata's leader.
type Lease struct {
	clock ports.Clock
	began time.Time        // of the time in which replicas count
	of    *partition.Lease // nil: it never ends
}

// NewLease returns a lease that has yet to be renewed, in the time of clock. That should go on while the machine is
// suspended, for others wait no longer for this broker then.
func NewLease(clock ports.Clock) *Lease { return &Lease{clock, clock(), new(partition.Lease)} }

// NewEndlessLease returns the lease of a broker that is alone.
func NewEndlessLease(clock ports.Clock) *Lease { return &Lease{clock: clock, began: clock()} }

// Now is the time in which the lease and the replicas count.
func (l *Lease) Now() time.Duration { return l.clock().Sub(l.began) }

// Holds reports whether this broker may lead now.
func (l *Lease) Holds() bool { return l.of.Live(l.Now()) }

// leasePart is which part of a session a lease is: the clocks of two machines run apart, by less than the rest.
const leasePart = 0.85

// Renew extends the lease after a heartbeat that was sent at the time given was answered.
func (l *Lease) Renew(sent, session time.Duration) {
	if l.of != nil {
		l.of.Renew(sent, time.Duration(float64(session)*leasePart))
	}
}

package broker

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/partition"
)

// Lease says until when this broker may lead partitions without having heard from the metadata's leader.
type Lease struct {
	began time.Time        // of the monotonic time in which replicas count
	of    *partition.Lease // nil: it never ends
}

// NewLease returns a lease that has yet to be renewed.
func NewLease(clock Clock) *Lease { return &Lease{clock(), new(partition.Lease)} }

// NewEndlessLease returns the lease of a broker that is alone.
func NewEndlessLease(clock Clock) *Lease { return &Lease{began: clock()} }

// leasePart is which part of a session a lease is: the clocks of two machines run apart, by less than the rest.
const leasePart = 0.85

// renew extends the lease after a heartbeat that was sent at the time given was answered.
func (l *Lease) renew(sent time.Time, session time.Duration) {
	if l.of != nil {
		l.of.Renew(sent.Sub(l.began), time.Duration(float64(session)*leasePart))
	}
}

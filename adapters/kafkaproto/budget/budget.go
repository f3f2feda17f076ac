// Package budget limits the memory, in bytes, that requests hold together. A request that asks for more than is left
// waits until others return some.
//
// Invariants: the bytes in use are the sum of the leases' bytes. They exceed the capacity at most by what one lease
// needs. A lease that holds something is served before one that holds nothing, because it can only finish, and return
// its bytes, when it gets what it lacks. Within each of the two kinds, leases are served in the order in which they
// have asked.
package budget

import (
	"context"
	"slices"
	"sync"
)

// Budget limits the bytes that its leases hold together. It is safe for concurrent use.
//
// Leases that hold something and need more could wait for each other for ever. Therefore one of them at a time may
// exceed the capacity: it finishes and frees the next. The budget is exceeded by what a single lease needs, never by
// more.
type Budget struct {
	capacity int64

	mu       sync.Mutex
	used     int64
	starting []*claim // that hold nothing yet, in the order in which they came
	growing  []*claim // that hold something, likewise
	overdraw *Lease   // the lease that may exceed the capacity
}

// claim is a lease that waits for n bytes.
type claim struct {
	lease   *Lease
	n       int64
	granted chan struct{}
}

// New returns a budget of capacity bytes.
func New(capacity int64) *Budget { return &Budget{capacity: capacity} }

// Used returns the bytes that are held now.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Lease is a holder's part of a budget. The zero Lease holds nothing; Take adds to it and Return gives all back. It is
// for one goroutine at a time, and must not be copied while it holds something.
type Lease struct {
	budget *Budget
	bytes  int64
}

// Try adds n bytes to l if that needs no waiting, and reports whether it did.
func (b *Budget) Try(l *Lease, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := claim{lease: l, n: n}
	return b.isNext(l) && b.grant(&c)
}

// isNext reports whether no other lease is to be served before l. The lease that overdraws never queues: the others may
// be waiting for it.
func (b *Budget) isNext(l *Lease) bool { return b.overdraw == l || len(*b.queueOf(l)) == 0 }

// queueOf returns the queue in which l would wait.
func (b *Budget) queueOf(l *Lease) *[]*claim {
	if l.bytes > 0 {
		return &b.growing
	}
	return &b.starting
}

// Take adds n bytes to the lease as soon as b has them. The error is ctx's; the lease is unchanged then.
func (l *Lease) Take(ctx context.Context, b *Budget, n int64) error {
	b.mu.Lock()
	c := &claim{lease: l, n: n}
	queue := b.queueOf(l)
	if b.isNext(l) && b.grant(c) {
		b.mu.Unlock()
		return nil
	}
	c.granted = make(chan struct{})
	*queue = append(*queue, c)
	b.mu.Unlock()

	select {
	case <-c.granted:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(*queue, c); i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
		b.serve()
		return ctx.Err()
	}
	return nil // it was granted at the same moment
}

// Return gives everything back.
func (l *Lease) Return() {
	b := l.budget
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= l.bytes
	if b.overdraw == l {
		b.overdraw = nil
	}
	*l = Lease{}
	b.serve()
}

// serve grants what can be granted now, first to leases that hold something, since they return it when they finish.
func (b *Budget) serve() {
	for len(b.growing) > 0 && b.grant(b.growing[0]) {
		close(b.growing[0].granted)
		b.growing = slices.Delete(b.growing, 0, 1)
	}
	for len(b.growing) == 0 && len(b.starting) > 0 && b.grant(b.starting[0]) {
		close(b.starting[0].granted)
		b.starting = slices.Delete(b.starting, 0, 1)
	}
}

// grant gives c its bytes if it may have them.
func (b *Budget) grant(c *claim) bool {
	l := c.lease
	if b.used > 0 && b.used+c.n > b.capacity {
		if l.bytes == 0 || b.overdraw != nil && b.overdraw != l {
			return false
		}
		b.overdraw = l
	}
	b.used += c.n
	l.budget = b
	l.bytes += c.n
	return true
}

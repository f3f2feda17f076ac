package raftmeta

import (
	"context"
	"sync"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// outcome is what became of a proposal.
type outcome struct {
	result metadata.Result
	err    error
}

// waiters are the proposals of this node's run that somebody waits for.
type waiters struct {
	mu     sync.Mutex
	next   uint64 // sequence number
	low    uint64 // no earlier one waits
	by     map[uint64]*waiter
	left   chan struct{} // closed when one has left
	closed error         // why no more are taken
}

// waiter waits for one proposal.
type waiter struct {
	sequence uint64
	got      outcome // when settled
	settled  chan struct{}
	cancel   context.CancelFunc // of what is done for the proposal
}

func newWaiters() *waiters { return &waiters{by: map[uint64]*waiter{}, left: make(chan struct{})} }

// enter returns a new waiter and the context of what is done for it, which ends when it is settled. It waits until no proposal under
// way is too old for the windows.
func (w *waiters) enter(ctx context.Context) (*waiter, context.Context, error) {
	for {
		w.mu.Lock()
		for w.low < w.next && w.by[w.low] == nil {
			w.low++
		}
		if w.closed != nil {
			w.mu.Unlock()
			return nil, nil, w.closed
		}
		if w.next-w.low < windowSize {
			own, cancel := context.WithCancel(ctx)
			one := &waiter{sequence: w.next, settled: make(chan struct{}), cancel: cancel}
			w.by[w.next] = one
			w.next++
			w.mu.Unlock()
			return one, own, nil
		}
		left := w.left
		w.mu.Unlock()
		select {
		case <-left:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// leave ends the waiting of one.
func (w *waiters) leave(one *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.by, one.sequence)
	one.cancel()
	close(w.left)
	w.left = make(chan struct{})
}

// lowest returns the lowest sequence number that waits.
func (w *waiters) lowest() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.low < w.next && w.by[w.low] == nil {
		w.low++
	}
	return w.low
}

// settle tells who waits for a proposal, if anybody does, what became of it.
func (w *waiters) settle(sequence uint64, got outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.by[sequence]; one != nil {
		one.settle(got)
	}
}

// close settles all with an error, and takes no more.
func (w *waiters) close(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed != nil {
		return
	}
	w.closed = err
	for _, one := range w.by {
		one.settle(outcome{err: err})
	}
}

// why returns the error with which close was called, nil before.
func (w *waiters) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// settle is for who holds the lock. The first outcome counts.
func (o *waiter) settle(got outcome) {
	select {
	case <-o.settled:
	default:
		o.got = got
		close(o.settled)
		o.cancel()
	}
}

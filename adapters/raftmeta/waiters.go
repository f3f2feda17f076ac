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

// waiters are the proposals of this node's run whose outcome is awaited.
type waiters struct {
	mu     sync.Mutex
	next   uint64 // sequence number
	low    uint64 // no earlier one waits
	by     map[uint64]*waiter
	left   chan struct{} // closed and replaced when a waiter leaves
	closed error         // why no more are taken
}

// waiter waits for one proposal.
type waiter struct {
	sequence uint64
	got      outcome // once resolved is closed
	resolved chan struct{}
	cancel   context.CancelFunc // of what is done for the proposal
}

func newWaiters() *waiters { return &waiters{by: map[uint64]*waiter{}, left: make(chan struct{})} }

// enter returns a new waiter and the context for its proposal, which ends when the waiter is resolved. It blocks while
// the oldest proposal under way is a whole window behind.
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
			one := &waiter{sequence: w.next, resolved: make(chan struct{}), cancel: cancel}
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

// lowest returns the lowest sequence number with a waiter.
func (w *waiters) lowest() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.low < w.next && w.by[w.low] == nil {
		w.low++
	}
	return w.low
}

// resolve gives a proposal's waiter, if there still is one, the outcome.
func (w *waiters) resolve(sequence uint64, got outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.by[sequence]; one != nil {
		one.resolve(got)
	}
}

// close resolves all waiters with an error and refuses new ones.
func (w *waiters) close(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed != nil {
		return
	}
	w.closed = err
	for _, one := range w.by {
		one.resolve(outcome{err: err})
	}
}

// why returns the error with which close was called, nil before.
func (w *waiters) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// resolve is called with the lock held. The first outcome counts.
func (o *waiter) resolve(got outcome) {
	select {
	case <-o.resolved:
	default:
		o.got = got
		close(o.resolved)
		o.cancel()
	}
}

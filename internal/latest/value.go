// Package latest holds the newest of a sequence of values, for callers that ask or wait for it.
package latest

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// Value holds the newest value and wakes those that wait for a newer one. It is safe for concurrent use.
type Value[T comparable] struct {
	now atomic.Pointer[T]

	mu    sync.Mutex
	newer chan struct{} // closed when there is a newer value
}

// New returns a Value that holds first.
func New[T comparable](first T) *Value[T] {
	v := &Value[T]{newer: make(chan struct{})}
	v.now.Store(&first)
	return v
}

// Get returns the newest value. It takes no lock.
func (v *Value[T]) Get() T { return *v.now.Load() }

// Set replaces the value. Setting the same value again wakes no reader.
func (v *Value[T]) Set(next T) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if next == *v.now.Load() {
		return
	}
	v.now.Store(&next)
	close(v.newer)
	v.newer = make(chan struct{})
}

// Changes yields the newest value and then each newer one, until ctx ends or ended is closed. A slow reader misses
// values in between, but never the last one.
func (v *Value[T]) Changes(ctx context.Context, ended <-chan struct{}) iter.Seq[T] {
	return func(yield func(T) bool) {
		var seen *T
		for ctx.Err() == nil {
			v.mu.Lock()
			now, newer := v.now.Load(), v.newer
			v.mu.Unlock()
			if now != seen {
				seen = now
				if !yield(*now) {
					return
				}
				continue
			}
			select {
			case <-newer:
			case <-ctx.Done():
			case <-ended:
				return
			}
		}
	}
}

package record

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Budget is the memory that all requests share for batches that are decompressed as a whole. When it is used up, the
// next request waits for the earlier ones. They finish without waiting for anything else, so that there is no deadlock.
// A nil Budget is unlimited.
type Budget struct {
	size int64
	left *semaphore.Weighted
}

// NewBudget returns a budget of that many bytes. A batch that needs more than the whole budget is decompressed alone.
func NewBudget(bytes int64) *Budget {
	bytes = max(bytes, 1)
	return &Budget{size: bytes, left: semaphore.NewWeighted(bytes)}
}

// take waits until n bytes, or the whole budget, are free, and returns the number of bytes for give. A caller that
// holds bytes must not take more: two such callers could wait for each other.
func (b *Budget) take(n int64) int64 {
	if b == nil {
		return 0
	}
	n = min(n, b.size)
	if err := b.left.Acquire(context.Background(), n); err != nil {
		panic(err) // the context is never canceled
	}
	return n
}

// give releases bytes that take has returned.
func (b *Budget) give(n int64) {
	if b != nil && n > 0 {
		b.left.Release(n)
	}
}

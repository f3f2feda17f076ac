package record

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Budget is memory for batches that are decompressed as a whole, for all who share it. Where it is used up, the next
// one waits for those before it; they end by themselves, since nothing else is waited for while a batch is
// decompressed. A nil Budget has no end.
type Budget struct {
	size int64
	left *semaphore.Weighted
}

// NewBudget returns a budget of so many bytes. A batch that needs more than all of it is decompressed alone.
func NewBudget(bytes int64) *Budget {
	bytes = max(bytes, 1)
	return &Budget{size: bytes, left: semaphore.NewWeighted(bytes)}
}

// take waits until n bytes are free, or everything is, and returns what is to be given back. Who has taken
// something must not take more.
func (b *Budget) take(n int64) int64 {
	if b == nil {
		return 0
	}
	n = min(n, b.size)
	if err := b.left.Acquire(context.Background(), n); err != nil {
		panic(err) // the context does not end
	}
	return n
}

// give gives back what take has returned.
func (b *Budget) give(n int64) {
	if b != nil && n > 0 {
		b.left.Release(n)
	}
}

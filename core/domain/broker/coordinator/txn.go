package coordinator

import (
	"context"
	"maps"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// marker ends a producer's transaction in one partition.
type marker struct {
	producerID int64
	committed  bool
}

// EndTxn writes the marker that ends a producer's transaction in a partition of the topic. It waits until the marker is
// durable and was applied to the states with records in the transaction. After an error it must be called again: a
// marker without an open transaction changes nothing.
func (r *Runtime[S, R]) EndTxn(ctx context.Context, partition int32, p record.Producer, m record.EndTxn) error {
	s := r.shard(partition)
	if err := s.lock(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	err := s.writeMarker(ctx, p, m, done)
	s.mu.Unlock()
	if err != nil {
		return ResponseError(err)
	}
	return r.Await(ctx, done)
}

// writeMarker appends the marker to the log. The caller holds the lock.
func (s *shard[S, R]) writeMarker(ctx context.Context, p record.Producer, m record.EndTxn, done chan<- error) error {
	ordered := &pending[S, R]{marker: &marker{producerID: p.ID, committed: m.Committed}, done: done}
	if err := s.start(ctx, ordered, m.Batch(p.ID, p.Epoch, s.runtime.deps.Clock.Millis())); err != nil {
		return err
	}
	s.push(ordered)
	return nil
}

// endTxn applies the end of a transaction to the states with records in it.
func (s *shard[S, R]) endTxn(m *marker) {
	for _, key := range s.open.end(m.producerID) {
		if e := s.entries[key]; e != nil {
			s.runtime.machine.EndTxn(e.State, m.producerID, m.committed)
			s.tend(e)
		}
	}
}

// openTxns holds the keys with records in open transactions, by producer id.
type openTxns map[int64]map[string]struct{}

func (o openTxns) add(producerID int64, key string) {
	keys := o[producerID]
	if keys == nil {
		keys = map[string]struct{}{}
		o[producerID] = keys
	}
	keys[key] = struct{}{}
}

// end removes the producer's transaction and returns its keys, in order.
func (o openTxns) end(producerID int64) []string {
	keys := o[producerID]
	delete(o, producerID)
	return slices.Sorted(maps.Keys(keys))
}

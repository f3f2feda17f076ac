package coordinator

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// lock returns the key's shard, loaded and locked. Errors: fault.NotCoordinator when another broker leads the
// partition, or the topic does not exist; CoordinatorLoadInProgress and CoordinatorNotAvailable, see shard.load.
func (r *Runtime[S, R]) lock(ctx context.Context, key string) (*shard[S, R], error) {
	topic, ok := r.deps.Metadata.Image().Topic(r.machine.Topic)
	if !ok {
		return nil, fault.NotCoordinator
	}
	p := PartitionFor(key, int32(len(topic.Partitions)))
	if topic.Partitions[p].Leader != r.deps.NodeID {
		return nil, fault.NotCoordinator
	}
	s := r.shard(p)
	return s, s.lock(ctx)
}

// lock locks the shard, loaded. It is not locked after an error.
func (s *shard[S, R]) lock(ctx context.Context) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	if s.entries == nil { // given up meanwhile
		s.mu.Unlock()
		return fault.NotCoordinator
	}
	return nil
}

// Step runs f on the key's state. found is false, and f is not called, if there is none; with create it is made.
//
// Errors, here and in the other methods: fault.NotCoordinator when another broker coordinates the key,
// CoordinatorLoadInProgress when the partition takes long to load, CoordinatorNotAvailable when that has failed or
// Run has ended. Clients try again after all of them.
func (r *Runtime[S, R]) Step(
	ctx context.Context, key string, create bool, f func(*Entry[S, R]),
) (found bool, err error) {
	s, err := r.lock(ctx, key)
	if err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil || e.State.Dead() {
		if !create {
			return false, nil
		}
		e = s.newEntry(key, r.machine.New(key))
		s.entries[key] = e
	}
	f(e)
	s.tend(e)
	return true, nil
}

// View runs f on the key's state, which f must not change, if there is one, dead or not.
func (r *Runtime[S, R]) View(ctx context.Context, key string, f func(*Entry[S, R])) error {
	s, err := r.lock(ctx, key)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if e := s.entries[key]; e != nil {
		f(e)
	}
	return nil
}

// Partitions returns the partitions that this broker leads, loaded or not.
func (r *Runtime[S, R]) Partitions() (led []int32) {
	topic, ok := r.deps.Metadata.Image().Topic(r.machine.Topic)
	if !ok {
		return nil
	}
	for p := range topic.Partitions {
		if topic.Partitions[p].Leader == r.deps.NodeID {
			led = append(led, int32(p))
		}
	}
	return led
}

// Each runs f on every state of a partition, in the order of their keys: on none when another broker leads it.
func (r *Runtime[S, R]) Each(ctx context.Context, partition int32, f func(*Entry[S, R])) error {
	s := r.shard(partition)
	switch err := s.lock(ctx); {
	case errors.Is(err, fault.NotCoordinator):
		return nil
	case err != nil:
		return err
	}
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.entries)) {
		if e := s.entries[key]; e != nil {
			f(e)
			s.tend(e)
		}
	}
	return nil
}

// Update runs f, which is to pass done to Entry.Write, and waits as Await does until what it has written is durable.
// An error of f is returned. found is false if there is no state; with create it is made.
func (r *Runtime[S, R]) Update(
	ctx context.Context, key string, create bool, f func(e *Entry[S, R], done chan<- error) error,
) (found bool, err error) {
	done := make(chan error, 1)
	var refused error
	found, err = r.Step(ctx, key, create, func(e *Entry[S, R]) { refused = f(e, done) })
	switch {
	case err != nil || !found:
		return found, err
	case refused != nil:
		return true, refused
	}
	return true, r.Await(ctx, done)
}

// Await returns what done gets. It gives up with fault.CoordinatorNotAvailable when WriteTimeout has passed or ctx
// ends. After any error the write may have taken effect, or may do so yet.
func (r *Runtime[S, R]) Await(ctx context.Context, done <-chan error) error {
	limit := r.deps.WriteTimeout()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case err := <-done:
		return err
	case <-timeout.C:
		return fault.New(fault.CoordinatorNotAvailable, "the record was not durable within %v", limit)
	case <-ctx.Done():
		return fault.New(fault.CoordinatorNotAvailable, "wait for the record: %w", ctx.Err())
	}
}

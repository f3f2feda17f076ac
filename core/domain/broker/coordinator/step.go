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

// lock locks the shard after loading it. It is not locked after an error.
func (s *shard[S, R]) lock(ctx context.Context) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	if s.entries == nil { // unloaded meanwhile
		s.mu.Unlock()
		return fault.NotCoordinator
	}
	return nil
}

// Step runs f on the key's state. If there is none, it is created with create; otherwise found is false, and f is not
// called.
//
// Errors, here and in the other methods: fault.NotCoordinator when another broker coordinates the key,
// CoordinatorLoadInProgress when the partition takes long to load, CoordinatorNotAvailable when that has failed or Run
// has ended. Clients retry all of them.
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

// View runs f on the key's state if there is one, even a dead one. f must not change it.
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

// Each runs f on every state of a partition, in the order of their keys. It runs it on none when another broker leads
// the partition.
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

// Update is Step with an f that writes: f has to pass done to Entry.Write. Then Update waits, as Await does, until the
// write is durable. An error of f is returned at once.
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

// Await returns the result that is sent to done. It gives up with fault.CoordinatorNotAvailable when WriteTimeout has
// passed or ctx ends. After any error the write may have taken effect, or may take effect later.
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

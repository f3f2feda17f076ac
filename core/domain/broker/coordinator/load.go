package coordinator

import (
	"context"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// loadPatience is how long a request waits for its shard to be loaded before it gets CoordinatorLoadInProgress.
const loadPatience = time.Second

// loading is one loading of a shard. err is set before done is closed.
type loading struct {
	epoch int32 // the leader epoch for which the shard is loaded
	done  chan struct{}
	err   error
}

// load returns when the shard is loaded in the present leader epoch. It starts the loading unless that is in progress.
// Errors: fault.NotCoordinator when this broker does not lead the partition or its lease has ended;
// CoordinatorLoadInProgress when the loading takes longer than loadPatience; CoordinatorNotAvailable when Run has
// ended, or when the loading has failed, which the next call tries again.
func (s *shard[S, R]) load(ctx context.Context) error {
	select {
	case <-s.runtime.stopped:
		return fault.CoordinatorNotAvailable
	default:
	}
	epoch, err := s.leaderEpoch(ctx)
	if err != nil {
		return err
	}
	l, first := s.join(epoch)
	if l == nil {
		return nil
	}
	if first && !s.runtime.Go(func(ctx context.Context) { s.read(ctx, l) }) {
		return fault.CoordinatorNotAvailable
	}
	patience := time.NewTimer(loadPatience)
	defer patience.Stop()
	select {
	case <-l.done:
		return l.err
	case <-patience.C:
		return fault.CoordinatorLoadInProgress
	case <-s.runtime.stopped:
		return fault.CoordinatorNotAvailable
	case <-ctx.Done():
		return fault.New(fault.CoordinatorLoadInProgress, "wait for the coordinator to be loaded: %w", ctx.Err())
	}
}

// join returns the loading of the shard for a leader epoch, nil when the shard is loaded. The caller that is first has
// to run it.
func (s *shard[S, R]) join(epoch int32) (l *loading, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outdate(epoch)
	if s.entries != nil {
		return nil, false
	}
	if s.loading == nil {
		s.loading, first = &loading{epoch: epoch, done: make(chan struct{})}, true
	}
	return s.loading, first
}

// leaderEpoch returns the leader epoch in which this broker coordinates the shard's keys now.
func (s *shard[S, R]) leaderEpoch(ctx context.Context) (int32, error) {
	epoch, err := s.runtime.deps.Log.LeaderEpoch(ctx, s.runtime.machine.Topic, s.partition)
	switch {
	case errors.Is(err, fault.NotLeaderOrFollower):
		return -1, fault.NotCoordinator
	case err != nil:
		return -1, fault.New(fault.CoordinatorNotAvailable, "%s-%d: %w", s.runtime.machine.Topic, s.partition, err)
	}
	return epoch, nil
}

// outdate unloads the shard if it was loaded before the given leader epoch, since another broker may have written in
// between, or from a topic that was deleted. The caller holds the lock.
func (s *shard[S, R]) outdate(epoch int32) {
	if topic := s.runtime.topicID(); topic != s.topic {
		s.unload()
		s.topic, s.epoch, s.wanted = topic, -1, -1
	}
	if s.entries != nil && s.epoch < epoch || s.loading != nil && s.loading.epoch < epoch {
		s.unload()
	}
}

// read rebuilds the shard's states from its log and publishes them.
func (s *shard[S, R]) read(ctx context.Context, l *loading) {
	defer close(l.done)
	began := s.runtime.deps.Clock()
	loaded := &replay[S, R]{shard: s, entries: map[string]*Entry[S, R]{}, open: openTxns{}}
	err := loaded.run(ctx)
	if now, lost := s.leaderEpoch(ctx); err == nil && (lost != nil || now != l.epoch) {
		err = fault.NotCoordinator
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loading != l { // the shard was unloaded meanwhile
		l.err = fault.NotCoordinator
		return
	}
	s.loading = nil
	switch {
	case ctx.Err() != nil:
		l.err = fault.CoordinatorNotAvailable
		return
	case errors.Is(err, fault.NotCoordinator) || errors.Is(err, fault.NotLeaderOrFollower):
		l.err = fault.NotCoordinator
		return
	case err != nil:
		s.runtime.refusals.Error(ctx, "cannot load coordinator partition",
			"topic", s.runtime.machine.Topic, "partition", s.partition, "err", err)
		l.err = fault.New(fault.CoordinatorNotAvailable, "load %s-%d: %v", s.runtime.machine.Topic, s.partition, err)
		return
	}
	s.entries, s.open, s.epoch = loaded.entries, loaded.open, l.epoch
	for _, e := range s.entries {
		s.runtime.machine.Restore(ctx, e)
		s.tend(e)
	}
	if n := len(loaded.entries); n > 0 {
		s.runtime.deps.Logger.InfoContext(ctx, "coordinator partition loaded", "topic", s.runtime.machine.Topic,
			"partition", s.partition, "keys", n, "took", s.runtime.deps.Clock().Sub(began))
	}
}

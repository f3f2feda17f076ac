package coordinator

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// shard is one partition of the topic with the states of its keys.
type shard[S State, R Record] struct {
	runtime   *Runtime[S, R]
	partition int32

	mu       sync.Mutex
	topic    metadata.TopicID        // the topic may be deleted and created again under a new id
	entries  map[string]*Entry[S, R] // by key; nil: not loaded
	epoch    int32                   // the leader epoch in which entries were loaded
	wanted   int32                   // the newest leader epoch for which follow has loaded the shard, -1 for none
	loading  *loading                // in progress, nil when there is none
	open     openTxns                // transactions without a marker yet
	queue    []*pending[S, R]        // not durable yet, in the order of the log
	draining bool                    // a goroutine waits for the head of the queue
	builder  record.Builder          // kept to reuse its memory
}

// Entry is a state with its bookkeeping. Its methods may only be called under the lock of its shard: in the functions
// of a Machine, and in those that requests pass to the Runtime.
type Entry[S State, R Record] struct {
	State S

	key   string
	shard *shard[S, R]
	size  int // bytes accounted for in Memory
	alarm alarm
}

// Key returns the state's key.
func (e *Entry[S, R]) Key() string { return e.key }

// LeaderEpoch returns the leader epoch of the partition in which the state was loaded: the coordinator's epoch.
func (e *Entry[S, R]) LeaderEpoch() int32 { return e.shard.epoch }

// shard returns the partition's shard, loaded or not.
func (r *Runtime[S, R]) shard(p int32) *shard[S, R] {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.shards[p]
	if s == nil {
		s = &shard[S, R]{runtime: r, partition: p, epoch: -1, wanted: -1}
		r.shards[p] = s
	}
	return s
}

// known returns all shards that were ever used, in the order of their partitions.
func (r *Runtime[S, R]) known() []*shard[S, R] {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*shard[S, R], 0, len(r.shards))
	for _, p := range slices.Sorted(maps.Keys(r.shards)) {
		out = append(out, r.shards[p])
	}
	return out
}

func (s *shard[S, R]) newEntry(key string, state S) *Entry[S, R] {
	e := &Entry[S, R]{State: state, key: key, shard: s}
	e.alarm.ring = e.expire
	return e
}

// tend accounts for the state's size and sets its alarm, or removes it when it has become vacant. It is called under
// the lock after everything that may have changed the state.
func (s *shard[S, R]) tend(e *Entry[S, R]) {
	if s.entries[e.key] != e { // a new state has taken its key
		s.forget(e)
		return
	}
	if e.State.Vacant() {
		delete(s.entries, e.key)
		s.forget(e)
		return
	}
	e.account(e.State.Size())
	s.runtime.alarms.set(&e.alarm, e.State.Wake())
}

// forget removes an entry's alarm and releases its memory.
func (s *shard[S, R]) forget(e *Entry[S, R]) {
	s.runtime.alarms.drop(&e.alarm)
	e.account(0)
}

func (e *Entry[S, R]) account(size int) {
	e.shard.runtime.deps.Memory.add(size - e.size)
	e.size = size
}

// expire is what an entry's alarm does.
func (e *Entry[S, R]) expire(ctx context.Context) {
	s := e.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	e.alarm.at = time.Time{}
	if s.entries[e.key] == e {
		s.runtime.machine.Expire(ctx, e)
		s.tend(e)
	}
}

// unload drops the states. Requests that wait for them get fault.NotCoordinator. The caller holds the lock.
func (s *shard[S, R]) unload() {
	for _, e := range s.entries {
		s.abandon(e)
	}
	for _, p := range s.queue {
		if e := p.entry; e != nil && s.entries[e.key] != e { // another has taken its key
			s.abandon(e)
		}
		answer(p.done, fault.NotCoordinator)
	}
	s.entries = nil
	s.open = nil
	s.queue = nil
	s.loading = nil
}

// abandon drops one state, perhaps once for each of its writes. The caller holds the lock.
func (s *shard[S, R]) abandon(e *Entry[S, R]) {
	s.runtime.machine.Abandon(e.State, fault.NotCoordinator)
	s.forget(e)
}

// close unloads the shard when Run ends.
func (s *shard[S, R]) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unload()
}

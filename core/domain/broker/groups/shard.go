package groups

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// groupShard is one partition of __consumer_offsets with the groups that live in it.
type groupShard struct {
	owner     *Groups
	partition int32

	mu       sync.Mutex
	topic    metadata.TopicID      // whose partition it is: __consumer_offsets may be deleted and made anew
	groups   map[string]*heldGroup // nil: not loaded
	epoch    int32                 // the leader epoch in which they were loaded
	wanted   int32                 // the newest leader epoch for which they are loaded unasked, -1 for none
	loading  *groupLoading         // the loading that runs, or the last that failed
	queue    []*groupWrite         // in the order of the log; not durable yet
	draining bool                  // a goroutine waits for the head of the queue
}

// heldGroup is a group with what the coordinator keeps for it.
type heldGroup struct {
	*group.Group
	shard *groupShard
	size  int       // bytes that it is accounted for. Under the shard's lock
	armed time.Time // when its alarm rings; zero for none. Under the shard's lock
	place int       // in the alarms' heap, from 1 on. Under the alarms' lock
}

// groupWrite is a write that was ordered in the log.
type groupWrite struct {
	group *heldGroup // nil for a mark in the queue that writes nothing
	write group.Write
	waits []func(context.Context) error
	done  chan error // nil when nobody waits
}

// shardOf returns the loaded shard of the group. Errors: fault.NotCoordinator when another broker leads
// the partition, or the topic does not exist, which Coordinator alone makes; CoordinatorLoadInProgress, CoordinatorNotAvailable.
func (g *Groups) shardOf(ctx context.Context, groupID string) (*groupShard, error) {
	topic, ok := g.images.Image().Topic(metadata.OffsetsTopic)
	if !ok {
		return nil, fault.NotCoordinator
	}
	p := group.PartitionFor(groupID, int32(len(topic.Partitions)))
	if topic.Partitions[p].Leader != g.nodeID {
		return nil, fault.NotCoordinator
	}
	s := g.shard(p)
	return s, s.load(ctx)
}

// shard returns the partition's shard, loaded or not.
func (g *Groups) shard(p int32) *groupShard {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.shards[p]
	if s == nil {
		s = &groupShard{owner: g, partition: p, epoch: -1, wanted: -1}
		g.shards[p] = s
	}
	return s
}

// known returns all shards that were ever asked for, in order.
func (g *Groups) known() []*groupShard {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]*groupShard, 0, len(g.shards))
	for _, p := range slices.Sorted(maps.Keys(g.shards)) {
		out = append(out, g.shards[p])
	}
	return out
}

// led returns the shards that this broker leads, loaded or not.
func (g *Groups) led() (out []*groupShard) {
	topic, ok := g.images.Image().Topic(metadata.OffsetsTopic)
	if !ok {
		return nil
	}
	for p := range topic.Partitions {
		if topic.Partitions[p].Leader == g.nodeID {
			out = append(out, g.shard(int32(p)))
		}
	}
	return out
}

// all returns the shards that this broker leads, loaded.
func (g *Groups) all(ctx context.Context) ([]*groupShard, error) {
	var shards []*groupShard
	for _, s := range g.led() {
		switch err := s.load(ctx); {
		case err == nil:
			shards = append(shards, s)
		case !errors.Is(err, fault.NotCoordinator):
			return nil, err
		}
	}
	return shards, nil
}

// step runs f on the group under the lock, and sees to the group's alarm and end afterwards. found is false
// when there is no such group and create is not set.
func (s *groupShard) step(groupID string, create bool, f func(*heldGroup)) (found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups == nil {
		return false, fault.NotCoordinator
	}
	e := s.groups[groupID]
	if e == nil || e.State() == group.Dead {
		if !create {
			return false, nil
		}
		e = &heldGroup{Group: group.New(groupID, s.owner.clock()), shard: s}
		s.groups[groupID] = e
	}
	f(e)
	s.look(e)
	return true, nil
}

// view runs f on the group as the log has it, even when it is about to end.
func (s *groupShard) view(groupID string, f func(*heldGroup)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups == nil {
		return fault.NotCoordinator
	}
	if e := s.groups[groupID]; e != nil {
		f(e)
	}
	return nil
}

// each runs f on every group.
func (s *groupShard) each(f func(*heldGroup)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups == nil {
		return fault.NotCoordinator
	}
	for _, id := range slices.Sorted(maps.Keys(s.groups)) {
		if e := s.groups[id]; e != nil {
			f(e)
			s.look(e)
		}
	}
	return nil
}

// look accounts for the group's size and sets its alarm, or drops it when it has become nothing.
func (s *groupShard) look(e *heldGroup) {
	if s.groups[e.ID()] != e { // another of its name has taken its place
		s.forget(e)
		return
	}
	if e.Vacant() {
		delete(s.groups, e.ID())
		s.forget(e)
		return
	}
	s.owner.memory.account(e, e.Size())
	s.owner.alarms.arm(e)
}

// forget ends what is kept for a group beside itself.
func (s *groupShard) forget(e *heldGroup) {
	s.owner.alarms.drop(e)
	s.owner.memory.account(e, 0)
}

// write has the group write something and waits until that is durable, ctx ends, or offsets.commit.timeout.ms
// has passed.
func (s *groupShard) write(ctx context.Context, groupID string, create bool, f func(*heldGroup) (group.Write, error)) error {
	var refused error
	var done chan error
	found, err := s.step(groupID, create, func(e *heldGroup) {
		var w group.Write
		if w, refused = f(e); refused == nil && len(w.Records) > 0 {
			done = make(chan error, 1)
			s.enqueue(ctx, e, w, done)
		}
	})
	switch {
	case err != nil:
		return err
	case !found:
		return fault.New(fault.GroupIDNotFound, "Group %s not found.", groupID)
	case refused != nil || done == nil:
		return refused
	}
	return s.await(ctx, done)
}

// settle waits until everything that the group has written so far is durable.
func (s *groupShard) settle(ctx context.Context, groupID string) error {
	var done chan error
	err := s.view(groupID, func(e *heldGroup) {
		if e.Unsettled() {
			done = make(chan error, 1)
			s.push(&groupWrite{done: done})
		}
	})
	if err != nil || done == nil {
		return err
	}
	return s.await(ctx, done)
}

func (s *groupShard) await(ctx context.Context, done <-chan error) error {
	timeout := time.NewTimer(time.Duration(s.owner.configs.Int("offsets.commit.timeout.ms")) * time.Millisecond)
	defer timeout.Stop()
	select {
	case err := <-done:
		return group.ResponseError(err)
	case <-timeout.C:
		return fault.New(fault.CoordinatorNotAvailable, "the group's record was not durable within offsets.commit.timeout.ms")
	case <-ctx.Done():
		return fault.New(fault.CoordinatorNotAvailable, "wait for the group's record: %w", ctx.Err())
	}
}

// deliver gives waiting requests their answers. Each has a channel with room for the one that it gets.
func deliver(fx group.Effects) {
	for _, a := range fx.Joins {
		a.To.(chan group.JoinResponse) <- a.JoinResponse
	}
	for _, a := range fx.Syncs {
		a.To.(chan group.SyncResponse) <- a.SyncResponse
	}
}

// toldOf are the attributes of an event's line in the log: those that it has.
func toldOf(groupID string, ev group.Event) []any {
	told := []any{"group", groupID}
	if ev.Member != "" {
		told = append(told, "member", ev.Member)
	}
	if ev.Generation > 0 {
		told = append(told, "generation", ev.Generation)
	}
	if ev.Reason != "" {
		told = append(told, "reason", ev.Reason)
	}
	return told
}

// perform does what a step of the group wants done. It is called under the lock.
func (s *groupShard) perform(ctx context.Context, e *heldGroup, fx group.Effects) {
	deliver(fx)
	for _, ev := range fx.Events {
		s.owner.events.Info(ctx, ev.Text, toldOf(e.ID(), ev)...)
	}
	for _, w := range fx.Writes {
		s.enqueue(ctx, e, w, nil)
	}
}

// enqueue orders a write in the log, in the order of the calls. done, if not nil, gets its fate. It is called
// under the lock.
func (s *groupShard) enqueue(ctx context.Context, e *heldGroup, w group.Write, done chan error) {
	if len(w.Records) == 0 {
		return
	}
	a := &groupWrite{group: e, write: w, done: done}
	err := s.order(ctx, a)
	if err != nil && len(a.waits) == 0 {
		s.owner.events.Warn(ctx, "group record was refused", "group", e.ID(), "partition", s.partition, "err", err)
		a.finish(err)
		s.perform(ctx, e, e.Written(s.owner.clock(), w, err))
		return
	}
	if err != nil { // a part of it is in the log, and only the log can tell what holds
		a.waits = append(a.waits, func(context.Context) error { return err })
	}
	s.push(a)
}

// order puts the write's batches behind the end of the log.
func (s *groupShard) order(ctx context.Context, a *groupWrite) error {
	batches, err := encodeGroupRecords(a.write.Records, s.owner.clock.Millis())
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // what a request has begun is not undone by its end
	for _, b := range batches {
		wait, err := s.owner.log.Start(ctx, s.topic, s.partition, s.epoch, b)
		if err != nil {
			return err
		}
		a.waits = append(a.waits, wait)
	}
	return nil
}

// push puts a into the queue and sees that somebody waits for its head.
func (s *groupShard) push(a *groupWrite) {
	s.queue = append(s.queue, a)
	if !s.draining {
		s.draining = s.owner.start(s.drain)
	}
}

// drain waits for the writes to become durable, in the order of the log, and goes on with each. When one
// fails, nobody knows what the log holds, and the shard is loaded anew when it is next asked for.
func (s *groupShard) drain(ctx context.Context) {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.draining = false
			s.mu.Unlock()
			return
		}
		a := s.queue[0]
		s.mu.Unlock()

		var err error
		for _, wait := range a.waits {
			if err = wait(ctx); err != nil {
				break
			}
		}

		s.mu.Lock()
		if ctx.Err() != nil { // Run ends, and closes the shard
			s.mu.Unlock()
			return
		}
		switch {
		case len(s.queue) == 0 || s.queue[0] != a: // the shard was unloaded meanwhile, and perhaps loaded anew
		case err != nil:
			s.owner.logger.ErrorContext(ctx, "group record is lost, groups will be loaded anew", "partition", s.partition, "err", err)
			s.queue = s.queue[1:]
			a.finish(err)
			s.unload()
			s.owner.start(func(ctx context.Context) { _ = s.load(ctx) }) // those who ask next learn of an error
		default:
			s.queue[0] = nil
			s.queue = s.queue[1:]
			if e := a.group; e != nil {
				s.perform(ctx, e, e.Written(s.owner.clock(), a.write, nil))
				s.look(e)
			}
			a.finish(nil)
		}
		s.mu.Unlock()
	}
}

func (a *groupWrite) finish(err error) {
	if a.done != nil {
		a.done <- err
	}
}

// unload forgets the groups; whoever waits is told to look for the coordinator. It is called under the lock.
func (s *groupShard) unload() {
	for _, e := range s.groups {
		deliver(e.Abandon(s.owner.clock(), fault.NotCoordinator))
		s.forget(e)
	}
	for _, a := range s.queue {
		a.finish(fault.NotCoordinator)
	}
	s.groups, s.queue, s.loading = nil, nil, nil
}

// close unloads the shard when Run ends.
func (s *groupShard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unload()
}

// expire is what a group's alarm does.
func (g *Groups) expire(ctx context.Context, e *heldGroup) {
	s := e.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	e.armed = time.Time{}
	if s.groups[e.ID()] == e {
		s.perform(ctx, e, e.Expire(g.clock()))
		s.look(e)
	}
}

// uuid returns a random UUID as Java prints it.
func (g *Groups) uuid() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(g.random, b[:]); err != nil {
		return "", fault.New(fault.Unknown, "random bytes for a member id: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-"), nil
}

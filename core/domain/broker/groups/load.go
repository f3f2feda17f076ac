package groups

import (
	"context"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/internal/pause"
)

// loadPatience is how long a request waits for its shard to be loaded before its client is asked to try again.
const loadPatience = time.Second

// groupLoading is one loading of a shard. err is set before done is closed.
type groupLoading struct {
	epoch int32 // the leader epoch that it is for
	done  chan struct{}
	err   error
}

// load returns when the shard is loaded in the present leader epoch, which it begins when nobody has. Errors: fault.NotCoordinator when
// this broker does not lead the partition or may not do so now, CoordinatorLoadInProgress when it takes long,
// CoordinatorNotAvailable when it has failed (the next call tries again) or Run has ended.
func (s *groupShard) load(ctx context.Context) error {
	select {
	case <-s.owner.stopped:
		return fault.CoordinatorNotAvailable
	default:
	}
	epoch, err := s.leaderEpoch(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.outdate(epoch)
	if s.groups != nil {
		s.mu.Unlock()
		return nil
	}
	l, first := s.loading, s.loading == nil
	if first {
		l = &groupLoading{epoch: epoch, done: make(chan struct{})}
		s.loading = l
	}
	s.mu.Unlock()
	if first && !s.owner.start(func(ctx context.Context) { s.read(ctx, l) }) {
		return fault.CoordinatorNotAvailable
	}
	patience := time.NewTimer(loadPatience)
	defer patience.Stop()
	select {
	case <-l.done:
		return l.err
	case <-patience.C:
		return fault.CoordinatorLoadInProgress
	case <-s.owner.stopped:
		return fault.CoordinatorNotAvailable
	case <-ctx.Done():
		return fault.New(fault.CoordinatorLoadInProgress, "wait for the groups to be loaded: %w", ctx.Err())
	}
}

// leaderEpoch returns the leader epoch in which this broker coordinates the shard's groups.
func (s *groupShard) leaderEpoch(ctx context.Context) (int32, error) {
	epoch, err := s.owner.log.LeaderEpoch(ctx, metadata.OffsetsTopic, s.partition)
	switch {
	case errors.Is(err, fault.NotLeaderOrFollower):
		return -1, fault.NotCoordinator
	case err != nil:
		return -1, fault.New(fault.CoordinatorNotAvailable, "partition %d of the groups: %w", s.partition, err)
	}
	return epoch, nil
}

// outdate unloads what was loaded in an earlier leader epoch than the one given, as others may have written since, or from a topic that was
// deleted, with which all is gone. It is called under the lock.
func (s *groupShard) outdate(epoch int32) {
	if topic := s.owner.offsetsTopic(); topic != s.topic {
		s.unload()
		s.topic, s.epoch, s.wanted = topic, -1, -1
	}
	if s.groups != nil && s.epoch < epoch || s.loading != nil && s.loading.epoch < epoch {
		s.unload()
	}
}

// read makes the shard's groups from its log and brings them to life.
func (s *groupShard) read(ctx context.Context, l *groupLoading) {
	defer close(l.done)
	began := s.owner.clock()
	groups, err := s.replay(ctx)
	if now, lost := s.leaderEpoch(ctx); err == nil && (lost != nil || now != l.epoch) {
		err = fault.NotCoordinator
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loading != l { // it was given up
		l.err = fault.NotCoordinator
		return
	}
	s.loading = nil
	if ctx.Err() != nil {
		l.err = fault.CoordinatorNotAvailable
		return
	}
	if errors.Is(err, fault.NotCoordinator) || errors.Is(err, fault.NotLeaderOrFollower) {
		l.err = fault.NotCoordinator
		return
	}
	if err != nil {
		s.owner.logger.ErrorContext(ctx, "groups cannot be loaded", "partition", s.partition, "err", err)
		l.err = fault.New(fault.CoordinatorNotAvailable, "load the groups of partition %d: %v", s.partition, err)
		return
	}
	s.groups, s.epoch = groups, l.epoch
	now, settings := s.owner.clock(), s.owner.settings()
	for _, e := range groups {
		s.perform(ctx, e, e.Restore(now, settings))
		s.enqueue(ctx, e, s.owner.dropTopics(e), nil) // who coordinated it before may not have come to that
		s.look(e)
	}
	if len(groups) > 0 {
		s.owner.logger.InfoContext(ctx, "groups loaded", "partition", s.partition, "groups", len(groups), "took", now.Sub(began))
	}
}

// replay applies the log's records.
func (s *groupShard) replay(ctx context.Context) (map[string]*heldGroup, error) {
	groups := map[string]*heldGroup{}
	apply := func(id string, r group.Record) {
		e := groups[id]
		if e == nil {
			e = &heldGroup{Group: group.NewFromLog(id), shard: s}
			groups[id] = e
		}
		e.Apply(r)
		if e.Vacant() {
			delete(groups, id)
		}
	}
	foreign := 0
	err := s.owner.log.Read(ctx, metadata.OffsetsTopic, s.partition, 0, func(b record.Batch) error {
		if b.Attributes()&record.AttrControl != 0 {
			return nil
		}
		for r, err := range b.Records(record.Limits{}) {
			if err != nil {
				return err
			}
			decoded, err := group.Decode(r.Key, r.Value)
			if errors.Is(err, group.ErrForeignRecord) {
				foreign++
				continue
			}
			if err != nil {
				return fault.New(fault.CorruptMessage, "record %d of %s-%d: %w", b.BaseOffset()+int64(r.OffsetDelta), metadata.OffsetsTopic, s.partition, err)
			}
			switch decoded := decoded.(type) {
			case group.OffsetRecord:
				apply(decoded.Group, decoded)
			case group.MetadataRecord:
				apply(decoded.Group, decoded)
			}
		}
		return nil
	})
	if foreign > 0 {
		s.owner.logger.WarnContext(ctx, "records of groups of other kinds were skipped", "partition", s.partition, "records", foreign)
	}
	return groups, err
}

// offsetsTopic returns the id of __consumer_offsets, zero when there is none.
func (g *Groups) offsetsTopic() (id metadata.TopicID) {
	if topic, ok := g.images.Image().Topic(metadata.OffsetsTopic); ok {
		id = topic.ID
	}
	return id
}

// follow forgets the groups of partitions that this broker does not lead any more, and loads those that it begins to lead, so that
// sessions of members that are gone end even if nobody asks.
func (g *Groups) follow(ctx context.Context) {
	var seen *metadata.Topic
	for img := range g.images.Watch(ctx) {
		topic, ok := img.Topic(metadata.OffsetsTopic)
		if topic == seen {
			continue
		}
		deleted := seen != nil && (!ok || topic.ID != seen.ID)
		seen = topic
		if deleted {
			g.outdateAll()
		}
		if !ok {
			continue
		}
		for p := range topic.Partitions {
			if s, epoch := g.shard(int32(p)), topic.Partitions[p].LeaderEpoch; g.begins(s, topic) && !g.start(func(ctx context.Context) { s.lead(ctx, topic.ID, epoch) }) {
				return
			}
		}
	}
}

// outdateAll unloads what a topic has held that was deleted. The one that is made anew may have fewer partitions.
func (g *Groups) outdateAll() {
	for _, s := range g.known() {
		s.mu.Lock()
		s.outdate(-1)
		s.mu.Unlock()
	}
}

// begins unloads what is outdated by the topic as it is now, and reports whether this broker begins to lead the shard's partition.
func (g *Groups) begins(s *groupShard, topic *metadata.Topic) bool {
	at := &topic.Partitions[s.partition]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outdate(at.LeaderEpoch)
	if topic.ID != s.topic || at.Leader != g.nodeID || at.LeaderEpoch <= s.wanted {
		return false
	}
	s.wanted = at.LeaderEpoch
	return true
}

// lead loads the shard, as often as it takes, until another leader epoch begins, or the topic is deleted.
func (s *groupShard) lead(ctx context.Context, id metadata.TopicID, epoch int32) {
	for ctx.Err() == nil && s.load(ctx) != nil {
		pause.For(ctx, loadPatience)
		topic, ok := s.owner.images.Image().TopicByID(id)
		if !ok || topic.Partitions[s.partition].LeaderEpoch != epoch {
			return
		}
	}
}

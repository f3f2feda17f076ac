package replicas

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Run follows the metadata until ctx ends. It opens partitions that have to be replicated, closes those that were
// deleted or moved to other brokers, removes the logs of deleted topics and applies changed configs. Work on a log that
// may take long is left to the upkeep.
func (ps *Partitions) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	working.Go(func() { ps.upkeep.run(ctx) })
	f := newAlignment(ps)
	for img := range ps.store.Watch(ctx) {
		f.follow(img)
	}
	return nil
}

// alignment updates the partitions after changes of the metadata. It never waits for a disk: work that does becomes a
// task of the upkeep.
type alignment struct {
	partitions *Partitions
	img        *metadata.Image           // the last one that was applied, nil at first
	base       brokerconfigs.TopicConfig // of topics without configs of their own
}

func newAlignment(ps *Partitions) *alignment { return &alignment{partitions: ps} }

func (f *alignment) follow(img *metadata.Image) {
	ps := f.partitions
	if base := ps.configs.Topic(nil); base != f.base {
		f.base = base
		ps.Reconfigure()
	}
	before := f.img
	if before == nil || before.Deletions() != img.Deletions() {
		f.removeDeleted()
	}
	if before == nil {
		before = new(metadata.Image)
	}
	for _, t := range img.ChangedTopics(before) {
		if t != nil {
			f.align(t, before)
		}
	}
	f.img = img
}

// removeDeleted ends the partitions of deleted topics and has their logs removed. It goes through the known partitions
// rather than through the difference of two images, because a topic may be created and deleted between them.
func (f *alignment) removeDeleted() {
	ps := f.partitions
	for _, tp := range ps.known() {
		// The newest image, since the one that is followed may be from before the topic was created.
		if _, ok := ps.store.Image().TopicByID(tp.id); !ok {
			tp.retire(fault.UnknownTopicOrPartition)
			ps.upkeep.ask(task{kind: dropTopic, topic: tp.id})
		}
	}
	ps.upkeep.ask(task{kind: sweepLogs})
}

// align updates the open partitions of a topic, and asks for the opening or removal of others.
func (f *alignment) align(t *metadata.Topic, before *metadata.Image) {
	ps := f.partitions
	tp := ps.asked(t.ID)
	if tp != nil {
		ps.updateOpen(tp, t)
	}
	was, known := before.TopicByID(t.ID)
	for index := range t.Partitions {
		open := tp != nil && tp.isOpen(int32(index))
		wanted := len(t.Partitions[index].Replicas) > 1 && !open
		if !slices.Contains(t.Partitions[index].Replicas, ps.nodeID) {
			wanted = open ||
				known && index < len(was.Partitions) && slices.Contains(was.Partitions[index].Replicas, ps.nodeID)
		}
		if wanted {
			ps.upkeep.ask(task{kind: alignPartition, topic: t.ID, partition: int32(index)})
		}
	}
}

// keep performs a task of the upkeep.
func (ps *Partitions) keep(ctx context.Context, t task) error {
	switch t.kind {
	case dropTopic:
		return ps.drop(ctx, t.topic)
	case sweepLogs:
		return ps.sweep(ctx)
	default:
		return ps.align(ctx, t.topic, t.partition)
	}
}

// align opens a partition that has other replicas, and removes one of which this broker has no replica any more.
func (ps *Partitions) align(ctx context.Context, id metadata.TopicID, index int32) error {
	t, ok := ps.store.Image().TopicByID(id)
	if !ok || int(index) >= len(t.Partitions) {
		return nil // deleted since
	}
	replicas := t.Partitions[index].Replicas
	switch {
	case !slices.Contains(replicas, ps.nodeID):
		return ps.leave(ctx, t, index)
	case len(replicas) > 1:
		_, err := ps.replica(ctx, t, index)
		return err
	}
	return nil
}

// asked returns the topic's entry, nil when none of its partitions was used.
func (ps *Partitions) asked(id metadata.TopicID) *topicPartitions {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return ps.topics[id]
}

// leave removes this broker's replica of a partition, if there is one. It does nothing when the newest image assigns a
// replica to this broker again: that replica may be in sync already.
func (ps *Partitions) leave(ctx context.Context, t *metadata.Topic, index int32) error {
	tp, gone := ps.of(t)
	if gone != nil {
		return nil // the topic was deleted since, or the broker stops
	}
	at, gone := tp.take(index, len(t.Partitions))
	if gone != nil {
		return nil // as above
	}
	at.mu.Lock() // the partition is not opened again before it is removed
	defer at.mu.Unlock()
	if now, ok := ps.store.Image().TopicByID(t.ID); !ok || slices.Contains(now.Partitions[index].Replicas, ps.nodeID) {
		return nil
	}
	at.leftover = true // there may be a log that this process has never opened
	return ps.remove(ctx, at, tp, index, fault.NotLeaderOrFollower)
}

// drop removes the partitions of a deleted topic.
func (ps *Partitions) drop(ctx context.Context, id metadata.TopicID) error {
	tp := ps.asked(id)
	if tp == nil {
		return nil
	}
	tp.retire(fault.UnknownTopicOrPartition)
	var failed error
	for index := range tp.all() {
		if err := ps.discard(ctx, tp, int32(index)); err != nil {
			failed = err
		}
	}
	if failed == nil {
		ps.forget(tp)
	}
	return failed
}

// discard removes one partition of a deleted topic, if it was open. It waits for one that is being opened.
func (ps *Partitions) discard(ctx context.Context, tp *topicPartitions, index int32) error {
	at := tp.at(index)
	if at == nil {
		return nil
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	return ps.remove(ctx, at, tp, index, fault.UnknownTopicOrPartition)
}

// remove ends a partition for the given reason and deletes its log, if it was open or a log of it is left. The caller
// holds the place's lock.
func (ps *Partitions) remove(ctx context.Context, at *place, tp *topicPartitions, index int32, reason error) error {
	if p := at.partition.Swap(nil); p != nil {
		p.end(reason)
		ps.queue.left(p)
		defer p.forgetProducers()
		at.leftover = true
	}
	ps.recovered(at)
	if !at.leftover {
		return nil
	}
	if err := ps.logs.Delete(ctx, ports.LogID{Topic: tp.name, TopicID: tp.id, Partition: index}); err != nil {
		if ctx.Err() == nil {
			ps.noise.Error(ctx, "cannot delete log", "topic", tp.name, "partition", index, "err", err)
		}
		return err
	}
	at.leftover = false
	return nil
}

// sweep removes logs on disk that belong to deleted topics: logs that this process has never opened, and logs that a
// crash has left between the deletion of a topic and that of its logs. It also has logs removed of which this broker
// has no replica any more.
func (ps *Partitions) sweep(ctx context.Context) error {
	stored, err := ps.logs.Stored()
	if err != nil {
		ps.noise.Error(ctx, "cannot list logs", "err", err)
		return fmt.Errorf("list logs: %w", err)
	}
	// Taken after the list, so that it has the topic of each log that was created meanwhile.
	img := ps.store.Image()
	if img.ClusterID() == "" {
		return nil // it has no history: that it lacks a topic does not mean that the topic was deleted
	}
	var failed error
	for _, id := range stored {
		t, ok := img.TopicByID(id.TopicID)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case ok && (int(id.Partition) >= len(t.Partitions) || slices.Contains(t.Partitions[id.Partition].Replicas,
			ps.nodeID)):
			continue
		case ok:
			ps.upkeep.ask(task{kind: alignPartition, topic: id.TopicID, partition: id.Partition})
			continue
		case id.TopicID == (metadata.TopicID{}):
			ps.noise.Error(ctx, "log without a topic id is kept", "topic", id.Topic, "partition", id.Partition)
			continue
		case ps.asked(id.TopicID) != nil: // a dropTopic task removes it
			continue
		}
		if err := ps.logs.Delete(ctx, id); err != nil {
			ps.noise.Error(ctx, "cannot delete log", "topic", id.Topic, "partition", id.Partition, "err", err)
			failed = err
			continue
		}
		ps.noise.Info(ctx, "log deleted: its topic does not exist any more", "topic", id.Topic,
			"topic_id", id.TopicID.String(), "partition", id.Partition)
	}
	return failed
}

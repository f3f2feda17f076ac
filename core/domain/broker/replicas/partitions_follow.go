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

// Run follows the metadata until ctx ends: it opens what has to be replicated, closes what is deleted or has moved
// away, removes the logs of topics that are no more and takes changed configs into use. What may take long for one log
// does not keep it from following.
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

// alignment brings the partitions in line with the metadata. It waits for no disk: what needs one it asks for.
type alignment struct {
	partitions *Partitions
	img        *metadata.Image           // which was followed last, nil for none
	base       brokerconfigs.TopicConfig // of topics without own configs
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

// removeDeleted ends the partitions of deleted topics, of which no image that was followed need have known,
// and has their logs removed.
func (f *alignment) removeDeleted() {
	ps := f.partitions
	for _, tp := range ps.known() {
		// the image that is followed may be from before the topic was made
		if _, ok := ps.store.Image().TopicByID(tp.id); !ok {
			tp.retire(fault.UnknownTopicOrPartition)
			ps.upkeep.ask(task{kind: dropTopic, topic: tp.id})
		}
	}
	ps.upkeep.ask(task{kind: sweepLogs})
}

// align brings the partitions of a topic in line.
func (f *alignment) align(t *metadata.Topic, before *metadata.Image) {
	ps := f.partitions
	tp := ps.asked(t.ID)
	if tp != nil {
		ps.bringInLine(tp, t)
	}
	was, known := before.TopicByID(t.ID)
	for index := range t.Partitions {
		open := tp != nil && tp.isOpen(int32(index))
		wanted := len(t.Partitions[index].Replicas) > 1 && !open
		if !slices.Contains(t.Partitions[index].Replicas, ps.nodeID) {
			wanted = open || known && index < len(was.Partitions) && slices.Contains(was.Partitions[index].Replicas, ps.nodeID)
		}
		if wanted {
			ps.upkeep.ask(task{kind: alignPartition, topic: t.ID, partition: int32(index)})
		}
	}
}

// keep does a task.
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

// align opens a partition that has replicas elsewhere, and removes one that this broker has no replica of.
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

// asked returns the topic's entry, nil when none of its partitions was asked for.
func (ps *Partitions) asked(id metadata.TopicID) *topicPartitions {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return ps.topics[id]
}

// leave gives up this broker's replica of a partition, if there is one, unless it has been given one again since:
// that may be in sync already.
func (ps *Partitions) leave(ctx context.Context, t *metadata.Topic, index int32) error {
	tp, gone := ps.of(t)
	if gone != nil {
		return nil // the topic was deleted since, or the broker stops
	}
	at, gone := tp.take(index, len(t.Partitions))
	if gone != nil {
		return nil // as above
	}
	at.mu.Lock() // it is not opened again before it is gone
	defer at.mu.Unlock()
	if now, ok := ps.store.Image().TopicByID(t.ID); !ok || slices.Contains(now.Partitions[index].Replicas, ps.nodeID) {
		return nil
	}
	at.leftover = true // it may never have been opened in this run
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

// discard removes one partition of a deleted topic, if it was open. One that is being opened is waited for.
func (ps *Partitions) discard(ctx context.Context, tp *topicPartitions, index int32) error {
	at := tp.at(index)
	if at == nil {
		return nil
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	return ps.remove(ctx, at, tp, index, fault.UnknownTopicOrPartition)
}

// remove ends a partition for the reason given and deletes its log, if it was open or a log is left of it. Called
// with the place's lock held.
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

// sweep removes logs on disk whose topics are no more, that were never opened or that a crash has left between the
// deletion of a topic and that of its logs, and has those removed that this broker has no replica of any more.
func (ps *Partitions) sweep(ctx context.Context) error {
	stored, err := ps.logs.Stored()
	if err != nil {
		ps.noise.Error(ctx, "cannot list logs", "err", err)
		return fmt.Errorf("list logs: %w", err)
	}
	img := ps.store.Image() // of a later moment: the topics of all these logs were in an image before
	var failed error
	for _, id := range stored {
		t, ok := img.TopicByID(id.TopicID)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case ok && (int(id.Partition) >= len(t.Partitions) || slices.Contains(t.Partitions[id.Partition].Replicas, ps.nodeID)):
			continue
		case ok:
			ps.upkeep.ask(task{kind: alignPartition, topic: id.TopicID, partition: id.Partition})
			continue
		case id.TopicID == (metadata.TopicID{}):
			ps.noise.Error(ctx, "records of an unknown topic are left alone", "topic", id.Topic, "partition", id.Partition)
			continue
		case ps.asked(id.TopicID) != nil: // to be dropped
			continue
		}
		if err := ps.logs.Delete(ctx, id); err != nil {
			ps.noise.Error(ctx, "cannot delete log", "topic", id.Topic, "partition", id.Partition, "err", err)
			failed = err
		}
	}
	return failed
}

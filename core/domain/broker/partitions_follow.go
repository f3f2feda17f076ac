package broker

import (
	"context"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Run follows the metadata until ctx ends: it opens what has to be replicated, closes what is deleted or has moved away, removes the logs
// of topics that are no more and takes changed configs into use.
func (ps *Partitions) Run(ctx context.Context) error {
	f := newAlignment(ps)
	for img := range ps.store.Watch(ctx) {
		f.follow(ctx, img)
	}
	return nil
}

// alignment brings the partitions in line with the metadata.
type alignment struct {
	partitions *Partitions
	img        *metadata.Image           // which they are in line with, nil for none
	base       TopicConfig               // of topics without own configs
	failed     map[metadata.TopicID]bool // but for these topics
}

func newAlignment(ps *Partitions) *alignment { return &alignment{partitions: ps} }

func (f *alignment) follow(ctx context.Context, img *metadata.Image) {
	ps := f.partitions
	if base := ps.configs.Topic(nil); base != f.base {
		f.base = base
		ps.Reconfigure()
	}
	before := f.img
	if before == nil || before.Deletions() != img.Deletions() {
		f.bury(ctx, img)
	}
	if before == nil {
		before = new(metadata.Image)
	}
	failed := f.failed
	f.img, f.failed = img, make(map[metadata.TopicID]bool)
	for _, t := range img.ChangedTopics(before) {
		if t != nil {
			f.align(ctx, t)
		}
	}
	for id := range failed {
		if t, ok := img.TopicByID(id); ok {
			f.align(ctx, t)
		}
	}
}

// bury closes the partitions of deleted topics, of which no image that was followed need have known, and removes their logs.
func (f *alignment) bury(ctx context.Context, img *metadata.Image) {
	ps := f.partitions
	for _, tp := range ps.known() {
		if _, ok := ps.store.Image().TopicByID(tp.id); !ok { // img may be from before the topic was made
			ps.drop(ctx, tp)
		}
	}
	if err := ps.sweep(ctx, img); err != nil && ctx.Err() == nil {
		ps.log.ErrorContext(ctx, "cannot remove logs of deleted topics", "err", err)
	}
}

// align brings the partitions of a topic in line.
func (f *alignment) align(ctx context.Context, t *metadata.Topic) {
	ps := f.partitions
	if tp := ps.asked(t.ID); tp != nil {
		ps.bringInLine(tp, t)
	}
	for index := range t.Partitions {
		at := &t.Partitions[index]
		var err error
		switch {
		case !slices.Contains(at.Replicas, ps.nodeID):
			err = ps.leave(ctx, t, int32(index))
		case len(at.Replicas) > 1:
			_, err = ps.replica(ctx, t, int32(index))
		}
		if err != nil {
			f.failed[t.ID] = true
		}
	}
}

// asked returns the topic's entry, nil when none of its partitions was asked for.
func (ps *Partitions) asked(id metadata.TopicID) *topicPartitions {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return ps.topics[id]
}

// leave gives up this broker's replica of a partition, if there is one, unless it has been given one again since: that may be in
// sync already.
func (ps *Partitions) leave(ctx context.Context, t *metadata.Topic, index int32) error {
	if now, ok := ps.store.Image().TopicByID(t.ID); ok && slices.Contains(now.Partitions[index].Replicas, ps.nodeID) {
		return nil
	}
	if tp := ps.asked(t.ID); tp != nil {
		if p := tp.close(index, fault.NotLeaderOrFollower); p != nil {
			ps.queue.left(p)
		}
	}
	err := ps.logs.Delete(ctx, ports.LogID{Topic: t.Name, TopicID: t.ID, Partition: index})
	if err != nil && ctx.Err() == nil {
		ps.log.ErrorContext(ctx, "cannot delete log", "topic", t.Name, "partition", index, "err", err)
	}
	return err
}

package groups

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/internal/pause"
)

// Commit makes offsets durable; the answers stand in req.Offsets. The error is the group's own, and then holds
// for every partition: fault.GroupIDNotFound for a member of a group that does not exist (before version 9
// of OffsetCommit clients know that as IllegalGeneration), UnknownMemberID, FencedInstanceID,
// IllegalGeneration, RebalanceInProgress, and the coordinator's own.
func (g *Groups) Commit(ctx context.Context, req *group.CommitRequest) error {
	img := g.images.Image()
	for i := range req.Offsets {
		if o := &req.Offsets[i]; o.TopicID.IsZero() {
			o.TopicID = currentTopicID(img, o.Topic)
		}
	}
	maxMetadata := int(g.configs.Int("offset.metadata.max.bytes"))
	s, err := g.shardOf(ctx, req.Group)
	if err != nil {
		return err
	}
	return s.write(ctx, req.Group, req.Generation < 0, func(e *heldGroup) (group.Write, error) {
		if err := e.CheckCommit(req); err != nil {
			return group.Write{}, err
		}
		if !g.memory.allows(e.CommitGrowth(req)) {
			return group.Write{}, fault.New(fault.CoordinatorLoadInProgress, "the coordinator has no memory for more offsets of group %q", req.Group)
		}
		return e.Commit(g.clock(), req, maxMetadata)
	})
}

// FetchOffsets returns committed offsets; partitions nil means all that the group has. Offsets that are committed and
// not yet durable are not seen; requireStable waits for them (KIP-447), and will wait out open transactions.
// An offset that was committed to a topic of the same name that is gone is none.
func (g *Groups) FetchOffsets(ctx context.Context, groupID string, partitions []group.TopicPartition, requireStable bool) ([]group.FetchedOffset, error) {
	s, err := g.shardOf(ctx, groupID)
	if err != nil {
		return nil, err
	}
	if requireStable {
		if err := s.settle(ctx, groupID); err != nil {
			return nil, err
		}
	}
	img := g.images.Image()
	current := func(f group.FetchedOffset) bool {
		now := currentTopicID(img, f.Topic)
		return f.TopicID.IsZero() || now.IsZero() || now == f.TopicID
	}
	var out []group.FetchedOffset
	err = s.view(groupID, func(e *heldGroup) {
		if partitions == nil {
			for _, f := range e.Offsets() {
				if current(f) {
					out = append(out, f)
				}
			}
			return
		}
		for _, tp := range partitions {
			o, ok := e.Offset(tp)
			if f := (group.FetchedOffset{TopicPartition: tp, Offset: o}); ok && current(f) {
				out = append(out, f)
				continue
			}
			out = append(out, noOffset(tp))
		}
	})
	if err == nil && out == nil {
		for _, tp := range partitions {
			out = append(out, noOffset(tp))
		}
	}
	return out, err
}

func noOffset(tp group.TopicPartition) group.FetchedOffset {
	return group.FetchedOffset{TopicPartition: tp, Offset: group.Offset{Offset: -1, LeaderEpoch: -1, ExpireTime: -1}}
}

// DeleteOffsets removes committed offsets of topics that the group does not consume; one answer for each partition.
func (g *Groups) DeleteOffsets(ctx context.Context, groupID string, partitions []group.TopicPartition) ([]error, error) {
	if groupID == "" {
		return nil, fault.InvalidGroupID
	}
	var errs []error
	err := g.write(ctx, groupID, func(e *heldGroup) (w group.Write, err error) {
		w, errs, err = e.DeleteOffsets(partitions)
		return w, err
	})
	return errs, err
}

// topicPause is how long the coordinator rests after it has looked for offsets of deleted topics. Nobody sees such offsets
// meanwhile, except where no topic has taken the name.
const topicPause = time.Second

// forgetTopics removes the offsets of topics that are deleted. Those that were deleted before a group is loaded are seen to then. What could not be
// done, as groups are still being loaded, is tried again.
func (g *Groups) forgetTopics(ctx context.Context) {
	deletions, looked := uint64(0), false
	for img := range g.images.Watch(ctx) {
		if d := img.Deletions(); looked && d == deletions {
			continue
		}
		deletions, looked = img.Deletions(), true
		for ctx.Err() == nil {
			err := g.removeOffsets(ctx, g.dropTopics)
			if err != nil && ctx.Err() == nil {
				g.events.Warn(ctx, "offsets of deleted topics were not all removed", "err", err)
			}
			pause.For(ctx, topicPause)
			if err == nil {
				break
			}
		}
	}
}

// dropTopics removes a group's offsets of topics that are not there any more.
func (g *Groups) dropTopics(e *heldGroup) group.Write {
	return e.DropTopics(func(name string) (metadata.TopicID, bool) {
		t, ok := g.images.Image().Topic(name)
		if !ok {
			return metadata.TopicID{}, false
		}
		return t.ID, true
	})
}

// Sweep removes expired offsets and the groups that have nothing left (KIP-211).
func (g *Groups) Sweep(ctx context.Context) error {
	retention := time.Duration(g.configs.Int("offsets.retention.minutes")) * time.Minute
	return g.removeOffsets(ctx, func(e *heldGroup) group.Write { return e.ExpireOffsets(g.clock(), retention) })
}

// removeOffsets has every group that this broker coordinates write tombstones. A partition that cannot be loaded keeps none of the others from it;
// the error is that of the first.
func (g *Groups) removeOffsets(ctx context.Context, tombstones func(*heldGroup) group.Write) (failed error) {
	for _, s := range g.led() {
		err := s.load(ctx)
		if err == nil {
			err = s.each(func(e *heldGroup) { s.enqueue(ctx, e, tombstones(e), nil) })
		}
		if !errors.Is(err, fault.NotCoordinator) {
			failed = cmp.Or(failed, err)
		}
	}
	return failed
}

func (g *Groups) sweepPeriodically(ctx context.Context) {
	for {
		interval := time.Duration(g.configs.Int("offsets.retention.check.interval.ms")) * time.Millisecond
		select {
		case <-time.After(max(interval, time.Millisecond)):
		case <-ctx.Done():
			return
		}
		if err := g.Sweep(ctx); err != nil && ctx.Err() == nil {
			g.logger.WarnContext(ctx, "expired offsets were not all removed", "err", err)
		}
	}
}

// write has the group, which must exist, write something, and waits until that is durable.
func (g *Groups) write(ctx context.Context, groupID string, f func(*heldGroup) (group.Write, error)) error {
	s, err := g.shardOf(ctx, groupID)
	if err != nil {
		return err
	}
	return s.write(ctx, groupID, false, f)
}

// currentTopicID returns the topic's id, zero when there is no such topic.
func currentTopicID(img *metadata.Image, name string) metadata.TopicID {
	if t, ok := img.Topic(name); ok {
		return t.ID
	}
	return metadata.TopicID{}
}

package groups

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/internal/pause"
)

// topicPause is how long the coordinator rests after it has looked for offsets of deleted topics. Nobody sees such
// offsets meanwhile, except where no topic has taken the name.
const topicPause = time.Second

// forgetTopics removes the offsets of topics that are deleted; those that were deleted before a group was loaded are
// removed by Restore. What could not be done, as groups are still being loaded, is tried again.
func (c *Coordinator) forgetTopics(ctx context.Context) {
	deletions, looked := uint64(0), false
	for img := range c.deps.Metadata.Watch(ctx) {
		if d := img.Deletions(); looked && d == deletions {
			continue
		}
		deletions, looked = img.Deletions(), true
		for ctx.Err() == nil {
			err := c.removeOffsets(ctx, c.dropTopics)
			if err != nil && ctx.Err() == nil {
				c.events.Warn(ctx, "offsets of deleted topics were not all removed", "err", err)
			}
			pause.For(ctx, topicPause)
			if err == nil {
				break
			}
		}
	}
}

// dropTopics removes a group's offsets of topics that do not exist any more.
func (c *Coordinator) dropTopics(g *classic.Group) classic.Write {
	return g.DropTopics(func(name string) (metadata.TopicID, bool) {
		t, ok := c.deps.Metadata.Image().Topic(name)
		if !ok {
			return metadata.TopicID{}, false
		}
		return t.ID, true
	})
}

// Sweep removes expired offsets and the groups that have nothing left (KIP-211).
func (c *Coordinator) Sweep(ctx context.Context) error {
	retention := time.Duration(c.deps.Configs.Int("offsets.retention.minutes")) * time.Minute
	return c.removeOffsets(ctx, func(g *classic.Group) classic.Write { return g.ExpireOffsets(c.deps.Clock(), retention) })
}

// CatchUp does at once what is due by the clock: time-outs of members and of rebalances, and offsets that have expired.
// It returns when all of it is durable; groups that are being loaded are waited for. It is for a clock that is moved: Run
// waits in the machine's time.
func (c *Coordinator) CatchUp(ctx context.Context) error {
	if err := c.groups.CatchUp(ctx); err != nil {
		return err
	}
	err := c.Sweep(ctx)
	for errors.Is(err, fault.CoordinatorLoadInProgress) && ctx.Err() == nil {
		err = c.Sweep(ctx)
	}
	if err != nil {
		return err
	}
	return c.groups.AwaitWrites(ctx)
}

// removeOffsets has every group that this broker coordinates write tombstones. If a partition cannot be loaded, the
// others are cleaned all the same, and the first error is returned.
func (c *Coordinator) removeOffsets(ctx context.Context, tombstones func(*classic.Group) classic.Write) (first error) {
	for _, p := range c.groups.Partitions() {
		err := c.groups.Each(ctx, p, func(e *entry) { c.append(ctx, e, tombstones(e.State)) })
		first = cmp.Or(first, err)
	}
	return first
}

func (c *Coordinator) sweepPeriodically(ctx context.Context) {
	for {
		pause.For(ctx, max(c.millis("offsets.retention.check.interval.ms"), time.Millisecond))
		if ctx.Err() != nil {
			return
		}
		if err := c.Sweep(ctx); err != nil && ctx.Err() == nil {
			c.deps.Logger.WarnContext(ctx, "expired offsets were not all removed", "err", err)
		}
	}
}

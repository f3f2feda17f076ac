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

// topicPause is the pause after a search for offsets of deleted topics. Clients do not see such offsets meanwhile,
// unless there is no topic of that name.
const topicPause = time.Second

// forgetTopics removes the offsets of topics when these are deleted. Restore removes those of topics that were deleted
// before a group was loaded. It tries again when it fails because groups are still being loaded.
func (c *Coordinator) forgetTopics(ctx context.Context) {
	deletions, searched := uint64(0), false
	for img := range c.deps.Metadata.Watch(ctx) {
		if d := img.Deletions(); searched && d == deletions {
			continue
		}
		deletions, searched = img.Deletions(), true
		for ctx.Err() == nil {
			err := c.removeOffsets(ctx, c.dropTopics)
			if err != nil && ctx.Err() == nil {
				c.events.Warn(ctx, "cannot remove all offsets of deleted topics", "err", err)
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

// Sweep removes expired offsets, and groups that have no offsets and no members left (KIP-211).
func (c *Coordinator) Sweep(ctx context.Context) error {
	retention := time.Duration(c.deps.Configs.Int("offsets.retention.minutes")) * time.Minute
	return c.removeOffsets(ctx, func(g *classic.Group) classic.Write { return g.ExpireOffsets(c.deps.Clock(), retention) })
}

// CatchUp does at once what is due by the broker's clock: time-outs of members and of rebalances, and the expiration of
// offsets. It waits for groups that are being loaded, and returns when all of it is durable. It is called after that
// clock was moved: Run waits by the machine's clock.
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

// removeOffsets writes the tombstones of every group that this broker coordinates. If a partition cannot be loaded, it
// goes on with the others, and returns the first error.
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
			c.deps.Logger.WarnContext(ctx, "cannot remove all expired offsets", "err", err)
		}
	}
}

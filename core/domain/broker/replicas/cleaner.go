package replicas

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// Cleaner applies retention and compaction to the open partitions and expires idle producers, every
// log.retention.check.interval.ms.
type Cleaner struct {
	partitions *Partitions
	log        *limitedlog.Log
}

// cleaningLines is how many log lines may be written per limitedlog.Period: on a failing disk every partition reports
// an error.
const cleaningLines = 20

// NewCleaner returns the cleaner of the partitions.
func NewCleaner(partitions *Partitions, log *slog.Logger) *Cleaner {
	return &Cleaner{partitions: partitions, log: limitedlog.New(log, cleaningLines)}
}

// Run cleans until ctx ends. Compaction may take hours: retention does not wait for it.
func (c *Cleaner) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error {
		c.every(ctx, func() {
			c.retain(ctx, c.tryRetain)
			c.partitions.Expire(ctx)
		})
		return nil
	})
	c.every(ctx, func() { c.compact(ctx) })
	return g.Wait()
}

// CatchUp does at once what is due by the broker's clock, and waits for logs that are being changed. It is called after
// that clock was moved: Run waits by the machine's clock.
func (c *Cleaner) CatchUp(ctx context.Context) {
	c.retain(ctx, func(ctx context.Context, p *Partition) error {
		for {
			if err := c.tryRetain(ctx, p); !errors.Is(err, ports.ErrLogBusy) || ctx.Err() != nil {
				return err
			}
		}
	})
	c.partitions.Expire(ctx)
	c.compact(ctx)
}

// every calls do at the interval until ctx ends.
func (c *Cleaner) every(ctx context.Context, do func()) {
	ticker := time.NewTicker(brokerconfigs.Millis(c.partitions.configs.Int("log.retention.check.interval.ms")))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if ctx.Err() == nil { // when both channels are ready, select picks either
			do()
		}
	}
}

// retain applies retention to every open partition. A log that is busy is left to the next time.
func (c *Cleaner) retain(ctx context.Context, apply func(context.Context, *Partition) error) {
	for p := range c.partitions.Open() {
		err := apply(ctx, p)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, ports.ErrLogBusy) {
			c.log.Error(ctx, "retention failed", "topic", p.topic, "partition", p.index, "err", err)
		}
	}
}

// tryRetain applies retention to a partition. The error is ports.ErrLogBusy when its log is being changed for long.
func (c *Cleaner) tryRetain(ctx context.Context, p *Partition) error {
	return p.log.Retain(ctx, c.partitions.clock(), p.committed)
}

// compact compacts every open partition whose cleanup.policy says so. One whose log has a batch that cannot be read is
// skipped: the other partitions are still compacted, and retention still applies to this one.
func (c *Cleaner) compact(ctx context.Context) {
	for p := range c.partitions.Open() {
		if !p.config.Load().Log.Compact {
			continue
		}
		if err := p.log.Compact(ctx, c.partitions.clock(), p.stable); err != nil && ctx.Err() == nil {
			c.log.Error(ctx, "compaction failed", "topic", p.topic, "partition", p.index, "err", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// committed returns the high watermark as this replica knows it, whatever its role. Nothing at or above it may be
// deleted: such records may still be truncated, or may still be acknowledged.
func (p *Partition) committed() int64 {
	p.tail.Lock()
	defer p.tail.Unlock()
	return p.replica.HighWatermark()
}

// stable returns the end of what may be compacted: the last stable offset, which is never above the high watermark.
func (p *Partition) stable() int64 {
	v := p.view(partition.NoEpoch)
	return v.lastStable
}

package replicas

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// Cleaner applies retention, compaction and the expiry of producers to the open partitions, every
// log.retention.check.interval.ms.
type Cleaner struct {
	partitions *Partitions
	log        *limitedlog.Log
}

// cleaningLines is how many log lines may be written per limitedlog.Period: with a disk that fails each
// partition has something to say.
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
			c.retain(ctx)
			c.partitions.Expire(ctx)
		})
		return nil
	})
	c.every(ctx, func() { c.compact(ctx) })
	return g.Wait()
}

// CatchUp does at once what is due by the clock. It is for a clock that is moved: Run waits in the machine's time.
func (c *Cleaner) CatchUp(ctx context.Context) {
	c.retain(ctx)
	c.partitions.Expire(ctx)
	c.compact(ctx)
}

// every does something at the interval until ctx ends.
func (c *Cleaner) every(ctx context.Context, do func()) {
	ticker := time.NewTicker(brokerconfigs.Millis(c.partitions.configs.Int("log.retention.check.interval.ms")))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if ctx.Err() == nil { // where both are ready, select takes either
			do()
		}
	}
}

// retain applies retention to every open partition.
func (c *Cleaner) retain(ctx context.Context) {
	for p := range c.partitions.Open() {
		if err := p.log.Retain(ctx, c.partitions.clock(), p.committed); err != nil && ctx.Err() == nil {
			c.log.Error(ctx, "retention has failed", "topic", p.topic, "partition", p.index, "err", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// compact compacts every open partition whose topic asks for it. One whose log has a batch that cannot be read is
// passed over: the others and its retention go on.
func (c *Cleaner) compact(ctx context.Context) {
	for p := range c.partitions.Open() {
		if !p.config.Load().Log.Compact {
			continue
		}
		if err := p.log.Compact(ctx, c.partitions.clock(), p.stable); err != nil && ctx.Err() == nil {
			c.log.Error(ctx, "log is not compacted", "topic", p.topic, "partition", p.index, "err", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// committed is the high watermark as this replica knows it, whatever its role: nothing at or above it may be deleted,
// since it may have to be cut off again, or may be acknowledged yet.
func (p *Partition) committed() int64 {
	p.tail.Lock()
	defer p.tail.Unlock()
	return p.replica.HighWatermark()
}

// stable is the end of what may be compacted: the last stable offset, which is never above the high watermark.
func (p *Partition) stable() int64 {
	v := p.view(partition.NoEpoch)
	return v.lastStable
}

package seglog

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// compaction is one run over a log. It holds no lock while it reads and writes, and checks before each batch whether it
// has to end. To put a rewritten segment in its place it takes Log.cleaning.
type compaction struct {
	log       *Log
	cut       atomic.Bool   // the log was truncated or reset
	done      chan struct{} // closed when it has ended
	now       int64         // milliseconds
	config    *ports.LogConfig
	cleanedTo int64 // below was compacted before
	upTo      int64 // where a segment begins: records there or above are not read
	newest    latest
	lastOf    map[int64]lastBatch
	epoch     int32 // leader epoch of the last batch that was read, -1 for none
}

// errAbandoned ends a compaction because the log was truncated, deleted or closed, so that what it has read is out of
// date, or because the log is being changed for long.
var errAbandoned = errors.New("compaction was abandoned")

// Compact removes records that newer ones with the same key have replaced, from segments below the active one; see
// ports.CleanedLog. Offsets do not change; see Kafka's documentation of log compaction.
func (l *Log) Compact(ctx context.Context, now time.Time, upTo func() int64) error {
	if err := l.damageError(); err != nil {
		return err
	}
	c := &compaction{log: l, done: make(chan struct{}), now: now.UnixMilli(), epoch: partition.NoEpoch}
	due, err := c.begin(ctx, now, upTo)
	defer c.end()
	if due && err == nil {
		err = c.run(ctx)
	}
	switch {
	case errors.Is(err, errAbandoned):
		return nil
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("compact %s: %w", l.name(), err)
	}
	return err
}

// begin reports whether there is something to do.
func (c *compaction) begin(ctx context.Context, now time.Time, upTo func() int64) (due bool, err error) {
	l := c.log
	if !l.beginCleaning(ctx) { // no truncation while the bound is asked for
		return false, nil
	}
	defer l.cleaning.Unlock()
	l.mu.Lock()
	c.config = l.config
	l.mu.Unlock()
	l.store.mu.Lock()
	other := l.store.compactions[l]
	if other == nil {
		l.store.compactions[l] = c
	}
	l.store.mu.Unlock()
	if other != nil || !c.config.Compact || c.stopped(ctx) != nil {
		return false, nil
	}
	return c.choose(ctx, now, l.store.cleanedTo(l.name()), upTo())
}

// end wakes what waits for the compaction.
func (c *compaction) end() {
	s := c.log.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.compactions[c.log] == c {
		delete(s.compactions, c.log)
	}
	close(c.done)
}

// abandonCompaction ends a compaction that is under way: what it has read is out of date. Called with Log.cleaning
// held.
func (l *Log) abandonCompaction() {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	if c := l.store.compactions[l]; c != nil {
		c.cut.Store(true)
	}
}

// awaitCompaction waits until no compaction works on a log that is offline or closing, which a compaction notices at
// its next batch.
func (l *Log) awaitCompaction() {
	l.store.mu.Lock()
	c := l.store.compactions[l]
	delete(l.store.damaged, l)
	l.store.mu.Unlock()
	if c != nil {
		<-c.done
	}
}

// run compacts.
func (c *compaction) run(ctx context.Context) error {
	l := c.log
	// Recovery takes a gap above the recovery point for lost records.
	if err := l.checkpoint(); err != nil {
		return c.orAbandoned(ctx, err)
	}
	if err := c.readKeys(ctx); err != nil || c.upTo <= c.cleanedTo {
		return err
	}
	if err := c.readProducers(ctx); err != nil {
		return err
	}
	for _, group := range c.groups() {
		if err := c.rewrite(ctx, group); err != nil {
			return err
		}
	}
	if !l.beginCleaning(ctx) {
		return errAbandoned
	}
	defer l.cleaning.Unlock()
	if err := c.stopped(ctx); err != nil {
		return err
	}
	return l.store.writeCleaned(l, c.upTo)
}

// stopped returns why the compaction has to end, nil while it may go on.
func (c *compaction) stopped(ctx context.Context) error {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	if c.log.offline != nil || c.log.shutting || c.cut.Load() {
		return errAbandoned
	}
	return ctx.Err()
}

// orAbandoned returns errAbandoned or ctx's error in place of one that follows from it.
func (c *compaction) orAbandoned(ctx context.Context, err error) error {
	if stopped := c.stopped(ctx); err != nil && stopped != nil {
		return stopped
	}
	return err
}

// eachBatch visits the batches of a segment from an offset on, until visit returns false. Damaged batches are not
// visited, and the log is not compacted any more. The error is errMoved when the segment was replaced or deleted
// meanwhile.
func (c *compaction) eachBatch(
	ctx context.Context, v timedView, from int64, visit func(record.Batch) (bool, error),
) error {
	at := from
	err := v.batches(from, func(b record.Batch) (bool, error) {
		if err := c.stopped(ctx); err != nil {
			return false, err
		}
		at = b.BaseOffset()
		if err := b.VerifyCRC(); err != nil {
			return false, err
		}
		return visit(b)
	})
	if err = c.orAbandoned(ctx, err); err == nil || errors.Is(err, errAbandoned) || ctx.Err() != nil {
		return err
	}
	if !v.of.isCurrent() {
		return errMoved
	}
	return c.judge(v, at, err)
}

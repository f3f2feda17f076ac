package seglog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// compaction is one run over a log. It holds no lock while it reads and writes, and looks before each batch whether it
// has to end; to put a rewritten segment in its place it takes Log.cleaning.
type compaction struct {
	log       *Log
	cut       atomic.Bool   // the log was truncated or begun anew
	done      chan struct{} // closed when it has ended
	now       int64         // milliseconds
	config    *ports.LogConfig
	cleanedTo int64 // below was compacted before
	upTo      int64 // where a segment begins: what is there or above is left alone, and decides nothing
	newest    latest
	lastOf    map[int64]lastBatch
	epoch     int32 // leader epoch of the batch that was looked at last, -1 for none
}

// errAbandoned ends a compaction because the log was cut, deleted or closed: what it has read is not true any more. Or
// it is being changed for long.
var errAbandoned = errors.New("compaction was abandoned")

// Compact removes records that newer ones with the same key have replaced, from segments below the active one; see
// ports.CleanedLog. Offsets do not change; see Kafka's documentation of log compaction.
func (l *Log) Compact(ctx context.Context, now time.Time, upTo func() int64) error {
	if err := l.damage(); err != nil {
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
	if !l.beginCleaning(ctx) { // nothing is being cut while the bound is asked for
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
	c.cleanedTo, c.upTo, due, err = l.cleanable(ctx, now, l.store.cleanedTo(l.name()), upTo())
	return due, err
}

// end lets go who waits for the compaction.
func (c *compaction) end() {
	s := c.log.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.compactions[c.log] == c {
		delete(s.compactions, c.log)
	}
	close(c.done)
}

// abandonCompaction has a compaction that is under way end: what it has read is not true any more. Called with
// Log.cleaning held.
func (l *Log) abandonCompaction() {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	if c := l.store.compactions[l]; c != nil {
		c.cut.Store(true)
	}
}

// awaitCompaction returns when no compaction is at work on a log any more that is offline or closing: which it notices
// at its next batch.
func (l *Log) awaitCompaction() {
	l.store.mu.Lock()
	c := l.store.compactions[l]
	delete(l.store.setAside, l)
	l.store.mu.Unlock()
	if c != nil {
		<-c.done
	}
}

// run compacts.
func (c *compaction) run(ctx context.Context) error {
	l := c.log
	// A gap above the recovery point would be taken for a loss.
	if err := l.checkpoint(); err != nil {
		return c.orAbandoned(ctx, err)
	}
	if err := c.readKeys(ctx); err != nil || c.upTo <= c.cleanedTo {
		return err
	}
	if err := c.readProducers(ctx); err != nil {
		return err
	}
	for _, group := range l.groups(c.upTo) {
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

// orAbandoned returns errAbandoned or ctx's error in the place of one that has come because of that.
func (c *compaction) orAbandoned(ctx context.Context, err error) error {
	if stopped := c.stopped(ctx); err != nil && stopped != nil {
		return stopped
	}
	return err
}

// eachBatch visits the batches of a segment from an offset on, until visit returns false. What is damaged is visited by
// nobody: the log is compacted no more. The error is errMoved when the segment was replaced or deleted meanwhile.
func (c *compaction) eachBatch(
	ctx context.Context, p timedPlace, from int64, visit func(record.Batch) (bool, error),
) error {
	at := from
	err := c.log.scan(p.place, from, func(b record.Batch) (bool, error) {
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
	if !c.log.holds(p.of) {
		return errMoved
	}
	return c.log.judge(p, at, err)
}

// unreadable reports whether an error says that bytes are no sound batch, and not that they could not be had.
func unreadable(err error) bool {
	return errors.Is(err, fault.CorruptMessage) || errors.Is(err, fault.InvalidRecord) ||
		errors.Is(err, record.ErrIncomplete) || errors.Is(err, fault.UnsupportedCompressionType)
}

// damaged is a segment with a batch that cannot be read.
type damaged struct {
	segment *segment
	err     error
}

// judge has the log not be compacted as long as it holds a segment, when err, met at an offset, says that it is
// damaged. It returns why.
func (l *Log) judge(p timedPlace, at int64, err error) error {
	if !unreadable(err) {
		return err
	}
	err = fault.New(fault.CorruptMessage, "segment %d cannot be read at offset %d or behind it: %w", p.base, at, err)
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	l.store.setAside[l] = damaged{p.of, err}
	return err
}

// damage returns why the log is not compacted, nil when it is.
func (l *Log) damage() error {
	l.store.mu.Lock()
	of, known := l.store.setAside[l]
	l.store.mu.Unlock()
	switch {
	case !known:
		return nil
	case l.holds(of.segment):
		return fmt.Errorf("compact %s: %w", l.name(), of.err)
	}
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	delete(l.store.setAside, l)
	return nil
}

// cleanable returns from where on the log has not been compacted, up to where it may be, which is where a segment
// begins, and whether it is worth it. cleaned is the end of what was compacted before, limit that of what may be.
// Called with Log.cleaning held.
func (l *Log) cleanable(
	ctx context.Context, now time.Time, cleaned, limit int64,
) (from, upTo int64, due bool, err error) {
	l.mu.Lock()
	// A segment that is not durable to its end cannot be read to its end either: what the scan did not see would be lost.
	limit = min(limit, l.active().base, l.durableBase)
	start, cfg := l.start, l.config
	segments := slices.Clone(l.segments)
	l.mu.Unlock()
	from = max(cleaned, start)
	if from > limit {
		from = start
	}
	upTo = segments[0].base
	var clean, dirty int64
	overdue := false
	for i, s := range segments[:len(segments)-1] {
		next := segments[i+1].base
		if next > limit {
			break
		}
		if cfg.MinCompactionLag > 0 {
			newest, err := l.newestTime(ctx, s)
			if err != nil {
				return 0, 0, false, err
			}
			if now.Sub(newest) < cfg.MinCompactionLag {
				break
			}
		}
		upTo = next
		size, newest := l.newestOf(s)
		if s.base < from {
			clean += size
			continue
		}
		dirty += size
		if lag := cfg.MaxCompactionLag; lag > 0 && newest >= 0 && now.Sub(time.UnixMilli(newest)) > lag {
			overdue = true
		}
	}
	if upTo <= from || dirty == 0 {
		return from, upTo, false, nil
	}
	return from, upTo, overdue || float64(dirty)/float64(clean+dirty) >= cfg.MinCleanableRatio, nil
}

// newestOf returns a segment's size and the largest timestamp that is known of it, -1 for none.
func (l *Log) newestOf(s *segment) (size, newest int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !s.timed {
		return s.size, record.NoTimestamp
	}
	return s.size, s.maxTimestamp
}

// placesBelow returns the segments that end at or below upTo.
func (l *Log) placesBelow(upTo int64) []timedPlace {
	var below []timedPlace
	for _, p := range l.timedPlaces(upTo) {
		if p.next <= upTo {
			below = append(below, p)
		}
	}
	return below
}

// groups gathers neighbouring segments below upTo that fit into one.
func (l *Log) groups(upTo int64) [][]timedPlace {
	l.mu.Lock()
	limit := l.config.SegmentBytes
	l.mu.Unlock()
	var groups [][]timedPlace
	size, first := int64(0), int64(0)
	for _, p := range l.placesBelow(upTo) {
		if n := len(groups); n > 0 && size+p.limit <= limit && p.next-first < 1<<31 {
			groups[n-1] = append(groups[n-1], p)
			size += p.limit
			continue
		}
		groups = append(groups, []timedPlace{p})
		size, first = p.limit, p.base
	}
	return groups
}

package seglog

import (
	"context"
	"crypto/md5" //nolint:gosec // a hash of keys, as in Kafka's cleaner; nothing is protected by it
	"errors"
	"fmt"
	"time"

	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/domain/space"
	"github.com/chronik-stream/chronik/core/ports"
)

// keyBytes is about what a key takes in the map of a compaction.
const keyBytes = 64

// latest maps a hash of each key to the offset of its newest record. Two keys with one hash would lose a record: 128 bits make
// that as unlikely as Kafka thinks it is.
type latest map[[md5.Size]byte]int64

// compact removes records that newer ones with the same key have replaced, from segments below the active one. Offsets do
// not change; see Kafka's documentation of log compaction.
func (l *Log) compact(ctx context.Context, now time.Time) error {
	cleanedTo, upTo, due := l.cleanable(now)
	if !due {
		return nil
	}
	// A gap above the recovery point would be taken for a loss.
	if err := l.checkpoint(); err != nil {
		return err
	}
	newest, upTo, err := l.newestByKey(ctx, cleanedTo, upTo)
	if err != nil || upTo <= cleanedTo {
		return err
	}
	lastOf, err := l.lastBatches()
	if err != nil {
		return err
	}
	groups := l.groups(upTo)
	l.mu.Lock()
	config := l.config
	l.mu.Unlock()
	c := &compaction{log: l, newest: newest, upTo: upTo, lastOf: lastOf, now: now.UnixMilli(), config: config}
	for _, group := range groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.rewrite(group); err != nil {
			return fmt.Errorf("compact %s: %w", l.name(), err)
		}
	}
	return l.store.writeCleaned(l, upTo)
}

// cleanable returns from where on the log has not been compacted, up to where it may be, and whether it is worth it.
func (l *Log) cleanable(now time.Time) (from, upTo int64, due bool) {
	cleaned := l.store.cleanedTo(l.name())
	l.mu.Lock()
	defer l.mu.Unlock()
	// A segment that is not durable to its end cannot be read to its end either: what the scan did not see would be lost.
	upTo = min(l.active().base, l.durableBase)
	from = max(cleaned, l.start)
	if from > upTo {
		from = l.start
	}
	var clean, dirty int64
	overdue := false
	for _, s := range l.segments[:len(l.segments)-1] {
		if l.config.MinCompactionLag > 0 && now.Sub(time.UnixMilli(s.maxTimestamp)) < l.config.MinCompactionLag {
			upTo = min(upTo, s.base)
			break
		}
		if s.base >= upTo {
			break
		}
		if s.base < from {
			clean += s.size
			continue
		}
		dirty += s.size
		if lag := l.config.MaxCompactionLag; lag > 0 && s.timed && now.Sub(time.UnixMilli(s.maxTimestamp)) > lag {
			overdue = true
		}
	}
	if upTo <= from || dirty == 0 {
		return from, upTo, false
	}
	return from, upTo, overdue || float64(dirty)/float64(clean+dirty) >= l.config.MinCleanableRatio
}

// newestByKey reads the keys between two offsets. It stops at the end of a batch when the map is full.
func (l *Log) newestByKey(ctx context.Context, from, upTo int64) (latest, int64, error) {
	newest := make(latest)
	room := max(l.store.opt.CleanerMemory/keyBytes, 1)
	reached := from
	for _, p := range l.placesBelow(upTo) {
		if p.next <= from {
			continue
		}
		more := true
		err := l.scan(p.place, max(from, p.base), func(b record.Batch) (bool, error) {
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
			if b.BaseOffset() >= upTo || len(newest)+int(b.Count()) > room && len(newest) > 0 {
				more = false
				return false, nil
			}
			reached = b.NextOffset()
			if b.Control() {
				return true, nil
			}
			for r, err := range b.Records(record.Limits{}) {
				if err != nil {
					return false, err
				}
				if r.Key != nil {
					newest[md5.Sum(r.Key)] = b.BaseOffset() + int64(r.OffsetDelta) //nolint:gosec // see the import
				}
			}
			return true, nil
		})
		if err != nil {
			return nil, 0, err
		}
		if !more {
			return newest, reached, nil
		}
		reached = p.next
	}
	return newest, min(reached, upTo), nil
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

// lastBatches returns, for each idempotent producer, the last offset of its last batch: that batch stays, empty if need be,
// so that the producer's next sequence is known.
func (l *Log) lastBatches() (map[int64]int64, error) {
	last := make(map[int64]int64)
	err := l.walk(l.StartOffset(), func(b record.Batch) {
		if b.ProducerID() >= 0 && !b.Control() {
			last[b.ProducerID()] = b.LastOffset()
		}
	})
	return last, err
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

// compaction is one run over a log.
type compaction struct {
	log    *Log
	newest latest
	upTo   int64
	lastOf map[int64]int64
	now    int64 // milliseconds
	config *ports.LogConfig
}

// rewrite writes what is left of a group of segments into one, and puts that in their place.
func (c *compaction) rewrite(group []timedPlace) error {
	l := c.log
	size := int64(0)
	for _, p := range group {
		size += p.limit
	}
	if err := l.store.opt.Space.Room(space.Internal, size); err != nil {
		return err
	}
	base := group[0].base
	path := l.path(base, logSuffix)
	if err := l.store.opt.FS.Remove(path + cleanedSuffix); err != nil {
		return err
	}
	out, err := l.store.opt.FS.Open(path+cleanedSuffix, true)
	if err != nil {
		return err
	}
	fresh, changed := newSegment(base), len(group) > 1
	for _, p := range group {
		err = l.scan(p.place, p.base, func(b record.Batch) (bool, error) {
			kept, err := c.keep(b)
			if err != nil {
				return false, err
			}
			changed = changed || len(kept) != len(b)
			if len(kept) == 0 {
				return true, nil
			}
			if _, err := out.WriteAt(kept, fresh.size); err != nil {
				return false, err
			}
			fresh.note(kept, c.config.IndexIntervalBytes)
			fresh.size += int64(len(kept))
			return true, nil
		})
		if err != nil {
			break
		}
	}
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil || !changed {
		return errors.Join(err, l.store.opt.FS.Remove(path+cleanedSuffix))
	}
	if fresh.timed {
		fresh.markTime()
	}
	return l.swap(group, fresh)
}

// keep returns what is left of a batch: itself, a smaller one, an empty one, or nothing.
func (c *compaction) keep(b record.Batch) (record.Batch, error) {
	if b.Control() {
		return b, nil
	}
	horizon, dated := b.DeleteHorizon()
	build := record.NewBuilder(c.options(b))
	tombstones, kept := false, int32(0)
	for r, err := range b.Records(record.Limits{}) {
		if err != nil {
			return nil, err
		}
		offset := b.BaseOffset() + int64(r.OffsetDelta)
		if r.Key == nil {
			continue
		}
		if newer, known := c.newest[md5.Sum(r.Key)]; known && newer > offset { //nolint:gosec // see the import
			continue
		}
		if r.Value == nil {
			if dated && c.now > horizon {
				continue
			}
			tombstones = true
		}
		kept++
		build.Add(offset, b.TimestampOf(r), r)
	}
	switch {
	case kept == 0 && b.ProducerID() >= 0 && c.lastOf[b.ProducerID()] == b.LastOffset():
		return b.Emptied(), nil
	case kept == 0:
		return nil, nil
	case kept == b.Count() && (!tombstones || dated):
		return b, nil
	}
	if tombstones && !dated {
		return c.dated(b)
	}
	build.SetLastOffset(b.LastOffset())
	return build.Build()
}

// dated is keep for a batch whose tombstones are seen for the first time: they go when the horizon has passed.
func (c *compaction) dated(b record.Batch) (record.Batch, error) {
	o := c.options(b)
	horizon := c.now + c.config.DeleteRetention.Milliseconds()
	o.DeleteHorizon = &horizon
	build := record.NewBuilder(o)
	for r, err := range b.Records(record.Limits{}) {
		if err != nil {
			return nil, err
		}
		offset := b.BaseOffset() + int64(r.OffsetDelta)
		if newer, known := c.newest[md5.Sum(r.Key)]; r.Key == nil || known && newer > offset { //nolint:gosec // see the import
			continue
		}
		build.Add(offset, b.TimestampOf(r), r)
	}
	build.SetLastOffset(b.LastOffset())
	return build.Build()
}

// options are those under which b was built.
func (c *compaction) options(b record.Batch) record.Options {
	o := record.Options{BaseOffset: b.BaseOffset(), LeaderEpoch: b.LeaderEpoch(), Codec: b.Attributes().Codec(), Transactional: b.Transactional()}
	if b.ProducerID() >= 0 {
		o.Producer = &record.Producer{ID: b.ProducerID(), Epoch: b.ProducerEpoch(), Sequence: b.BaseSequence()}
	}
	if b.LogAppendTime() {
		ts := b.MaxTimestamp()
		o.LogAppendTime = &ts
	}
	if horizon, ok := b.DeleteHorizon(); ok {
		o.DeleteHorizon = &horizon
	}
	return o
}

package seglog

import (
	"context"
	"errors"

	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// rewrite puts what is left of a group of segments in its place. Segments of it that retention has deleted meanwhile
// are passed over.
func (c *compaction) rewrite(ctx context.Context, group []timedPlace) error {
	for len(group) > 0 {
		done, err := c.rewriteOnce(ctx, group)
		if err != nil || done {
			return err
		}
		left := c.notDeleted(group)
		if len(left) == len(group) {
			return errAbandoned // one was replaced
		}
		group = left
	}
	return nil
}

// notDeleted returns the segments of a group without those at its beginning that were deleted.
func (c *compaction) notDeleted(group []timedPlace) []timedPlace {
	c.log.mu.Lock()
	first := c.log.segments[0].base
	c.log.mu.Unlock()
	for len(group) > 0 && group[0].base < first {
		group = group[1:]
	}
	return group
}

// rewriteOnce is rewrite. done is false when a segment was replaced or deleted meanwhile.
func (c *compaction) rewriteOnce(ctx context.Context, group []timedPlace) (done bool, err error) {
	fs, path := c.log.store.opt.FS, c.log.path(group[0].base, logSuffix)+cleanedSuffix
	if err := fs.Remove(path); err != nil {
		return false, err
	}
	if err := c.room(group); err != nil {
		return false, err
	}
	epoch := c.epoch
	fresh, changed, err := c.write(ctx, path, group)
	switch {
	case errors.Is(err, errMoved):
		c.epoch = epoch
		return false, fs.Remove(path)
	case err != nil || !changed:
		return true, errors.Join(err, fs.Remove(path))
	}
	// From here on the log must stay as it is.
	if !c.log.beginCleaning(ctx) {
		return true, errors.Join(errAbandoned, fs.Remove(path))
	}
	defer c.log.cleaning.Unlock()
	if err := c.stopped(ctx); err != nil {
		return true, errors.Join(err, fs.Remove(path))
	}
	for _, p := range group {
		if !c.log.holds(p.of) {
			c.epoch = epoch
			return false, fs.Remove(path)
		}
	}
	return true, c.log.swap(group, fresh)
}

// room returns nil when there is space for a group a second time.
func (c *compaction) room(group []timedPlace) error {
	size := int64(0)
	for _, p := range group {
		size += p.limit
	}
	return c.log.store.opt.Space.Room(space.Internal, size)
}

// write writes what is left of a group to a file. changed is false when that is all of one segment.
func (c *compaction) write(
	ctx context.Context, path string, group []timedPlace,
) (fresh *segment, changed bool, err error) {
	out, err := c.log.store.opt.FS.Open(path, true)
	if err != nil {
		return nil, false, err
	}
	fresh, changed = newSegment(group[0].base), len(group) > 1
	for _, p := range group {
		if err = c.eachBatch(ctx, p, p.base, func(b record.Batch) (bool, error) {
			kept, err := c.keep(b)
			c.epoch = b.LeaderEpoch()
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
			if begun := fresh.syncing; fresh.size-begun >= syncEarly { // or the sync at the end would keep a deletion waiting
				fresh.syncing = fresh.size
				out.StartSync(begun, fresh.size-begun)
			}
			return true, nil
		}); err != nil {
			break
		}
	}
	if err == nil && changed {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return nil, false, err
	}
	if fresh.timed {
		fresh.markTime()
	}
	return fresh, changed, nil
}

// keep returns what is left of a batch: itself, a smaller one, an empty one, or nothing. Empty ones stay for what their
// headers say: the last sequence of a producer, and where a leader epoch begins. A follower would take the epoch for
// one that begins later, and as a leader not notice records of the epoch before that some replica has there alone.
func (c *compaction) keep(b record.Batch) (record.Batch, error) {
	if b.Control() {
		return b, nil
	}
	horizon, dated := b.DeleteHorizon()
	left, err := c.thin(b, c.options(b), dated && c.now > horizon)
	switch {
	case err != nil:
		return nil, err
	case left.kept == 0 && (c.isLast(b) || c.epoch != b.LeaderEpoch()):
		return b.Emptied(), nil
	case left.kept == 0:
		return nil, nil
	case left.kept == b.Count() && (!left.tombstones || dated):
		return b, nil
	}
	if left.tombstones && !dated { // they are seen for the first time, and go when the horizon has passed
		o := c.options(b)
		horizon := c.now + c.config.DeleteRetention.Milliseconds()
		o.DeleteHorizon = &horizon
		if left, err = c.thin(b, o, false); err != nil {
			return nil, err
		}
	}
	left.build.SetLastOffset(b.LastOffset())
	return left.build.Build()
}

// thinned is a batch without the records that newer ones replace.
type thinned struct {
	build      *record.Builder
	kept       int32
	tombstones bool // there are some among those that are kept
}

// thin begins the batch that takes b's place; expired says that tombstones go, too.
func (c *compaction) thin(b record.Batch, o record.Options, expired bool) (thinned, error) {
	left := thinned{build: record.NewBuilder(o)}
	for r, err := range b.Records(record.Limits{}) {
		if err != nil {
			return thinned{}, err
		}
		offset := b.BaseOffset() + int64(r.OffsetDelta)
		if r.Key == nil || c.newest.supersedes(r.Key, offset) || r.Value == nil && expired {
			continue
		}
		left.tombstones = left.tombstones || r.Value == nil
		left.kept++
		left.build.Add(offset, b.TimestampOf(r), r)
	}
	return left, nil
}

// isLast reports whether b is its producer's last batch.
func (c *compaction) isLast(b record.Batch) bool {
	last, known := c.lastOf[b.ProducerID()]
	return known && last.last == b.LastOffset()
}

// options are those under which b was built.
func (c *compaction) options(b record.Batch) record.Options {
	o := record.Options{
		BaseOffset: b.BaseOffset(), LeaderEpoch: b.LeaderEpoch(), Codec: b.Attributes().Codec(),
		Transactional: b.Transactional(),
	}
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

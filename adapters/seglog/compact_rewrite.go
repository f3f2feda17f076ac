package seglog

import (
	"context"
	"errors"

	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// rewrite puts what is left of a group of segments in its place. It skips segments that retention has deleted
// meanwhile.
func (c *compaction) rewrite(ctx context.Context, group []timedView) error {
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
func (c *compaction) notDeleted(group []timedView) []timedView {
	c.log.mu.Lock()
	first := c.log.segments[0].base
	c.log.mu.Unlock()
	for len(group) > 0 && group[0].base < first {
		group = group[1:]
	}
	return group
}

// rewriteOnce is rewrite. done is false when a segment was replaced or deleted meanwhile.
func (c *compaction) rewriteOnce(ctx context.Context, group []timedView) (done bool, err error) {
	fs, path := c.log.opt.FS, group[0].of.path(logSuffix)+cleanedSuffix
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
		if !p.of.isCurrent() {
			c.epoch = epoch
			return false, fs.Remove(path)
		}
	}
	return true, c.swap(group, fresh)
}

// room returns nil when there is space for a group a second time.
func (c *compaction) room(group []timedView) error {
	size := int64(0)
	for _, p := range group {
		size += p.limit
	}
	return c.log.opt.Space.Room(space.Internal, size)
}

// write writes what is left of a group to a file. changed is false when that is all of one segment.
func (c *compaction) write(
	ctx context.Context, path string, group []timedView,
) (fresh *segment, changed bool, err error) {
	out, err := c.log.opt.FS.Open(path, true)
	if err != nil {
		return nil, false, err
	}
	fresh, changed = newSegment(&c.log.directory, group[0].base), len(group) > 1
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
			if begun := fresh.syncing; fresh.size-begun >= syncEarly { // a deletion waits for the sync at the end
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

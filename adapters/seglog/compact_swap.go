package seglog

import (
	"errors"
	"slices"
	"time"
)

// swap puts the rewritten segment in the place of its group. A crash leaves the group, or a complete .swap file that
// the next start puts in place.
func (c *compaction) swap(group []timedView, fresh *segment) error {
	l := c.log
	fs := l.opt.FS
	path := l.path(fresh.base, logSuffix)
	if err := fs.Rename(path+cleanedSuffix, path+swapSuffix); err != nil {
		return err
	}
	if err := l.syncDir(); err != nil {
		return err
	}
	replaced, err := c.install(group, fresh, path)
	if err != nil {
		l.fail(err) // the next start completes what install has begun
		return err
	}
	for _, base := range replaced {
		l.store.removeAt(l.path(base, logSuffix)+deletedSuffix, time.Time{})
		if err := l.retireSegment(base, 0); err != nil { // its indexes: its records went with install
			return err
		}
		if err := fs.Remove(l.path(base, snapshotSuffix)); err != nil {
			return err
		}
	}
	if err := l.createSegmentFiles(fresh.base); err != nil {
		return err
	}
	return l.syncIndexes()
}

// install renames the file into place and changes the segment list in one step, under the lock: a reader finds the old
// segment with the old file or the new one with the new. It returns the other segments that fresh replaces: those of
// the group, and empty ones between them.
func (c *compaction) install(group []timedView, fresh *segment, path string) (replaced []int64, err error) {
	l := c.log
	l.syncing.Lock() // the indexes of the old segments must not be written any more
	defer l.syncing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.IndexFunc(l.segments, func(s *segment) bool { return s.base == fresh.base })
	end := slices.IndexFunc(l.segments, func(s *segment) bool { return s.base == group[len(group)-1].base }) + 1
	if at < 0 || end <= at {
		return nil, l.opt.FS.Remove(path + swapSuffix) // deleted meanwhile
	}
	if l.offline != nil {
		return nil, l.offline
	}
	fs := l.opt.FS
	// The new file gets its name last: as long as it is a .swap, a start removes the old ones.
	for _, s := range l.segments[at+1 : end] {
		old := l.path(s.base, logSuffix)
		if err := fs.Rename(old, old+deletedSuffix); err != nil {
			return nil, err
		}
		l.files.Forget(old)
		replaced = append(replaced, s.base)
	}
	err = errors.Join(
		fs.Remove(fresh.path(indexSuffix)),
		fs.Remove(fresh.path(timeIndexSuffix)),
		fs.Rename(path+swapSuffix, path),
	)
	for _, suffix := range []string{logSuffix, indexSuffix, timeIndexSuffix} {
		l.files.Forget(fresh.path(suffix))
	}
	if err != nil {
		return nil, err
	}
	l.replaceSegments(at, end, fresh)
	l.recent.forget()
	return replaced, nil
}

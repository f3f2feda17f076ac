package seglog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// swap puts the rewritten segment in the place of its group. A crash leaves the group, or a complete .swap file that
// the next start puts in place.
func (l *Log) swap(group []timedPlace, fresh *segment) error {
	fs := l.store.opt.FS
	path := l.path(fresh.base, logSuffix)
	if err := fs.Rename(path+cleanedSuffix, path+swapSuffix); err != nil {
		return err
	}
	if err := fs.SyncDir(l.dir()); err != nil {
		return err
	}
	replaced, err := l.install(group, fresh, path)
	if err != nil {
		l.fail(err) // the next start completes what install has begun
		return err
	}
	for _, base := range replaced {
		l.store.doom(l.path(base, logSuffix)+deletedSuffix, time.Time{})
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
// segment with the old file or the new one with the new. It is the one place where a lock is held over renames.
// It returns the other segments that fresh stands for: those of the group, and empty ones between them.
func (l *Log) install(group []timedPlace, fresh *segment, path string) (replaced []int64, err error) {
	l.syncing.Lock() // the indexes of the old segments must not be written any more
	defer l.syncing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.IndexFunc(l.segments, func(s *segment) bool { return s.base == fresh.base })
	end := slices.IndexFunc(l.segments, func(s *segment) bool { return s.base == group[len(group)-1].base }) + 1
	if at < 0 || end <= at {
		return nil, l.store.opt.FS.Remove(path + swapSuffix) // deleted meanwhile
	}
	if l.offline != nil {
		return nil, l.offline
	}
	fs := l.store.opt.FS
	// The new file gets its name last: as long as it is a .swap, a start removes the old ones.
	for _, s := range l.segments[at+1 : end] {
		old := l.path(s.base, logSuffix)
		if err := fs.Rename(old, old+deletedSuffix); err != nil {
			return nil, err
		}
		l.store.files.forget(old)
		replaced = append(replaced, s.base)
	}
	err = errors.Join(fs.Remove(l.path(fresh.base, indexSuffix)), fs.Remove(l.path(fresh.base, timeIndexSuffix)),
		fs.Rename(path+swapSuffix, path))
	for _, suffix := range []string{logSuffix, indexSuffix, timeIndexSuffix} {
		l.store.files.forget(l.path(fresh.base, suffix))
	}
	if err != nil {
		return nil, err
	}
	l.segments = slices.Replace(l.segments, at, end, fresh)
	l.recent.forget()
	return replaced, nil
}

// completeSwap puts a complete .swap file in place at a start, and removes the segments that it stands for. It returns
// the name of the segment file.
func (l *Log) completeSwap(name string, names []string) (string, error) {
	fs := l.store.opt.FS
	final := name[:len(name)-len(swapSuffix)]
	base, ok := parseSegmentName(final, logSuffix)
	if !ok {
		return "", fmt.Errorf("%s is no segment", filepath.Join(l.dir(), name))
	}
	next := base + 1
	f, err := l.store.files.acquire(filepath.Join(l.dir(), name), false)
	if err != nil {
		return "", err
	}
	size, err := f.Size()
	for w, position := (headerWindow{file: f, limit: size}), int64(0); err == nil && position < size; {
		var b record.Batch
		if b, err = w.at(position); err == nil {
			next = b.NextOffset()
			position += int64(b.Size())
		}
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	l.store.files.forget(filepath.Join(l.dir(), name))
	for _, other := range names {
		if at, ok := parseSegmentName(other, logSuffix); ok && at >= base && at < next {
			if err := l.removeSegment(at); err != nil {
				return "", err
			}
		}
	}
	if err := fs.Rename(filepath.Join(l.dir(), name), filepath.Join(l.dir(), final)); err != nil {
		return "", err
	}
	return final, fs.SyncDir(l.dir())
}

// finishSwaps completes or undoes a compaction that a crash has interrupted, and removes what was to be deleted. It
// returns the names that are left.
func (l *Log) finishSwaps(names []string) ([]string, error) {
	fs := l.store.opt.FS
	var kept []string
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, deletedSuffix), strings.HasSuffix(name, cleanedSuffix),
			strings.HasSuffix(name, temporarySuffix):
			if err := fs.Remove(filepath.Join(l.dir(), name)); err != nil {
				return nil, err
			}
		case strings.HasSuffix(name, logSuffix+swapSuffix):
			final, err := l.completeSwap(name, names)
			if err != nil {
				return nil, err
			}
			kept = append(kept, final)
		default:
			kept = append(kept, name)
		}
	}
	slices.Sort(kept)
	return slices.DeleteFunc(slices.Compact(kept), func(name string) bool {
		exists, err := fs.Exists(filepath.Join(l.dir(), name))
		return err == nil && !exists
	}), nil
}

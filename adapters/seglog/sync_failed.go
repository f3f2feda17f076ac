package seglog

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
)

// syncFailedFile says that a sync of a segment has failed. What was written is lost then, though it can be read as
// long as the machine runs, and another sync would succeed without having written it: the next start writes it again.
const syncFailedFile = "sync-failed"

// syncSegment syncs a segment's .log file.
func (l *Log) syncSegment(f *openFile) error {
	err := f.Sync()
	if err != nil {
		if noting := replaceFile(l.store.opt.FS, filepath.Join(l.dir(), syncFailedFile), nil); noting != nil {
			l.store.opt.Log.Error("failed sync cannot be noted", "topic", l.id.Topic, "partition", l.id.Partition, "err", noting)
		}
	}
	return err
}

// repeatSync writes the segments that are not synced again, and syncs them, if a sync has failed in an
// earlier run. Called at the start.
func (l *Log) repeatSync(names []string, recovery int64) error {
	if !slices.Contains(names, syncFailedFile) {
		return nil
	}
	for i, s := range l.segments {
		if i+1 < len(l.segments) && l.segments[i+1].base <= recovery {
			continue
		}
		f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
		if err != nil {
			return err
		}
		if err := errors.Join(rewrite(f, s.size), l.syncSegment(f), f.Close()); err != nil {
			return err
		}
	}
	fs := l.store.opt.FS
	if err := fs.Remove(filepath.Join(l.dir(), syncFailedFile)); err != nil {
		return err
	}
	return fs.SyncDir(l.dir())
}

// rewrite writes what a file of this size holds in its own place.
func rewrite(f *openFile, size int64) error {
	buf := make([]byte, min(size, 1<<20))
	for at := int64(0); at < size; at += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), size-at)]
		if _, err := f.ReadAt(buf, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := f.WriteAt(buf, at); err != nil {
			return err
		}
	}
	return f.Truncate(size)
}

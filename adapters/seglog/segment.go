package seglog

import (
	"errors"

	"github.com/chronik-stream/chronik/adapters/seglog/filecache"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// segment is one segment of a log: its .log file, its indexes, and what is known of them. It opens, writes, syncs,
// checks and recovers these files. Which segments a log has, and up to which offset they may be read, is the log's.
//
// The fields are guarded by directory.mu, the lock of the log, unless one goroutine has the segment alone: at a start,
// and while its replacement is being built. Nothing is read or written on disk with that lock held; readers take a
// segmentView under it and go on without. A segment whose file is replaced is replaced by a new segment: offsets and
// positions of a view stay true of the file that was opened with it, and isCurrent tells whether that was the right
// one.
type segment struct {
	dir  *directory
	base int64 // offset of its first record, and its name

	size    int64 // bytes written to the .log file
	syncing int64 // bytes of it for which writing back to the disk was started
	next    int64 // end of its records; known after recover

	index     sparseIndex // offsets to positions
	timeIndex sparseIndex // timestamps to offsets
	sinceMark int64       // bytes since the last index entry

	maxTimestamp    int64 // largest timestamp in it, milliseconds; valid when timed
	maxOffset       int64 // offset of the last record of the first batch with that timestamp
	markedTimestamp int64 // of the last entry in the time index, -1 for none

	timed        bool // maxTimestamp is known
	timesChecked bool // and known to be that of the records, not only of the time index
	torn         bool // its end was cut off at the start
	dirty        bool // written to since its last sync
	indexDirty   bool // its indexes were written to since their last sync
	distrusted   bool // its indexes were found to be wrong
	removed      bool // the log has it no more: deleted, cut off or replaced
}

func newSegment(dir *directory, base int64) *segment {
	return &segment{dir: dir, base: base, markedTimestamp: -1}
}

// path returns the path of the segment's file with this suffix.
func (s *segment) path(suffix string) string { return s.dir.path(s.base, suffix) }

// open opens the segment's .log file. The caller closes it.
func (s *segment) open() (*filecache.File, error) {
	return s.dir.files.Acquire(s.path(logSuffix), false)
}

// isCurrent reports whether the log still has the segment. What was opened or found in its files before counts only
// if it has: another segment may have taken their names.
func (s *segment) isCurrent() bool {
	s.dir.mu.Lock()
	defer s.dir.mu.Unlock()
	return !s.dir.deleted && !s.removed
}

// written returns how many bytes of the segment are written.
func (s *segment) written() int64 {
	s.dir.mu.Lock()
	defer s.dir.mu.Unlock()
	return s.size
}

// note adds a batch that stands at s.size to the indexes, as Kafka's LogSegment.append does. Its header is enough.
func (s *segment) note(b record.Batch, interval int64) {
	if ts := b.MaxTimestamp(); !s.timed || ts > s.maxTimestamp {
		s.maxTimestamp, s.maxOffset, s.timed = ts, b.LastOffset(), true
	}
	if s.sinceMark > interval {
		s.index.tail = appendIndexEntry(s.index.tail, int32(b.LastOffset()-s.base), int32(s.size))
		s.markTime()
		s.sinceMark = 0
	}
	s.sinceMark += int64(b.Size())
}

// markTime adds the largest timestamp so far to the time index, if it is larger than the last one there.
func (s *segment) markTime() {
	if s.timed && s.maxTimestamp >= 0 && s.maxTimestamp > s.markedTimestamp {
		s.timeIndex.tail = appendTimeIndexEntry(s.timeIndex.tail, s.maxTimestamp, int32(s.maxOffset-s.base))
		s.markedTimestamp = s.maxTimestamp
	}
}

// takeTime takes over the last entry of the time index on disk, if there is one.
func (s *segment) takeTime() (found bool, err error) {
	entry, found, err := s.times().last(func([]byte) bool { return true })
	if err != nil || !found {
		return false, err
	}
	s.maxTimestamp, s.maxOffset = decodeTimeMark(s.base, entry)
	s.markedTimestamp, s.timed = s.maxTimestamp, true
	return true, nil
}

// newestKnown returns the segment's size and the largest timestamp that is known of it, -1 for none.
func (s *segment) newestKnown() (size, newest int64) {
	s.dir.mu.Lock()
	defer s.dir.mu.Unlock()
	if !s.timed {
		return s.size, record.NoTimestamp
	}
	return s.size, s.maxTimestamp
}

// flushIndexes writes the new entries of the segment's indexes. Callers hold Log.writing or Log.syncing, which may be
// two goroutines at the active segment: directory.indexing keeps them apart.
func (s *segment) flushIndexes() error {
	s.dir.indexing.Lock()
	defer s.dir.indexing.Unlock()
	return errors.Join(
		s.flushIndex(indexSuffix, &s.index),
		s.flushIndex(timeIndexSuffix, &s.timeIndex),
	)
}

func (s *segment) flushIndex(suffix string, x *sparseIndex) error {
	mu := &s.dir.mu
	mu.Lock()
	tail, at := x.tail, x.flushed
	mu.Unlock()
	if len(tail) == 0 {
		return nil
	}
	f, err := s.dir.files.Acquire(s.path(suffix), true)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(tail, at); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	s.indexDirty = true
	x.flushed += int64(len(tail))
	x.tail = append([]byte(nil), x.tail[len(tail):]...)
	return nil
}

// sync makes the segment's records durable.
func (s *segment) sync() error { return s.withFile(logSuffix, s.dir.syncRecords) }

// syncIndexes makes durable what is written of the segment's indexes. These need no note when that fails: a start
// builds them again.
func (s *segment) syncIndexes() error {
	sync := func(f *filecache.File) error { return f.Sync() }
	return errors.Join(s.withFile(indexSuffix, sync), s.withFile(timeIndexSuffix, sync))
}

// withFile calls do with one of the segment's files, unless the file was deleted with the segment.
func (s *segment) withFile(suffix string, do func(*filecache.File) error) error {
	f, err := s.dir.files.Acquire(s.path(suffix), false)
	if err != nil {
		if missing(err) && !s.isCurrent() {
			return nil
		}
		return err
	}
	defer f.Close()
	return do(f)
}

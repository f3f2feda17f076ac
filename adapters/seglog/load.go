package seglog

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// create makes a new, empty log's directory and first segment, durably.
func (l *Log) create() error {
	fs := l.store.opt.FS
	if err := fs.MkdirAll(l.dir()); err != nil {
		return err
	}
	if err := placeFile(fs, filepath.Join(l.dir(), partitionFile), formatPartition(l.id.TopicID)); err != nil {
		return err
	}
	if err := l.createSegmentFiles(0); err != nil { // which syncs the directory
		return err
	}
	if err := fs.SyncDir(l.store.opt.Dir); err != nil {
		return err
	}
	l.segments = []*segment{newSegment(0)}
	return nil
}

// createSegmentFiles makes the files of a new segment: Kafka's tools look for all three.
func (l *Log) createSegmentFiles(base int64) error {
	for _, suffix := range []string{logSuffix, indexSuffix, timeIndexSuffix} {
		f, err := l.store.files.acquire(l.path(base, suffix), true)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return l.store.opt.FS.SyncDir(l.dir())
}

// load opens an existing log, and returns the offsets of the producer snapshots in its directory. Records from the
// recovery point on are checked, and cut off where they are torn, and the indexes are made anew from the index point
// on; with scan false the log was closed properly, and only its end is looked for.
func (l *Log) load(sound points, start int64, scan bool) (snapshots []int64, err error) {
	fs := l.store.opt.FS
	if begin, ok, err := l.finishReset(); err != nil {
		return nil, err
	} else if ok {
		sound, start = points{begin, begin}, begin
	}
	names, err := fs.ReadDir(l.dir())
	if err != nil {
		return nil, err
	}
	if slices.Contains(names, unappliedFile) {
		return nil, fault.New(fault.KafkaStorageError,
			"%s has records in %s that are damaged or do not follow the end of its segments: "+
				"acknowledged records are lost; restore the segments, or remove that file to accept the loss", l.name(),
			filepath.Join(l.dir(), unappliedFile))
	}
	if names, err = l.finishSwaps(names); err != nil {
		return nil, err
	}
	for _, name := range names {
		if base, ok := parseSegmentName(name, logSuffix); ok {
			l.segments = append(l.segments, newSegment(base))
		}
		if at, ok := parseSegmentName(name, snapshotSuffix); ok {
			snapshots = append(snapshots, at)
		}
	}
	if err := l.readFloor(); err != nil {
		return nil, err
	}
	if len(l.segments) == 0 {
		l.segments = []*segment{newSegment(max(0, start))}
		if err := l.createSegmentFiles(l.segments[0].base); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(l.segments, func(a, b *segment) int { return int(a.base - b.base) })
	// Retention that was interrupted leaves segments below the log start offset, and perhaps a hole behind them.
	for len(l.segments) > 1 && l.segments[1].base <= start {
		if err := l.removeSegment(l.segments[0].base); err != nil {
			return nil, err
		}
		l.segments = l.segments[1:]
	}
	l.start = max(start, l.segments[0].base)
	for i, s := range l.segments {
		next := int64(math.MaxInt64)
		if i+1 < len(l.segments) {
			next = l.segments[i+1].base
		}
		if err := l.loadSegment(s, next, sound, scan); err != nil {
			return nil, err
		}
		// A segment above the recovery point that ends before the next one begins has lost its end at a batch's boundary.
		if scan && next < math.MaxInt64 && next > sound.recovery && s.next < next {
			s.torn = true
		}
		if s.torn {
			break
		}
	}
	if scan {
		if err := l.cutBehindTear(); err != nil {
			return nil, err
		}
		if err := fs.SyncDir(l.dir()); err != nil { // the names that a killed run has left need not be durable
			return nil, err
		}
	}
	if err := l.repeatSync(names, sound.recovery); err != nil {
		return nil, err
	}
	if err := l.findEnd(); err != nil {
		return nil, err
	}
	if l.end < sound.recovery {
		return nil, fault.New(fault.KafkaStorageError,
			"%s ends at offset %d, and was synced up to %d: acknowledged records are lost", l.dir(), l.end, sound.recovery)
	}
	l.indexPoint = l.end
	if scan {
		l.indexPoint = min(l.end, sound.index)
	}
	l.start = min(l.start, l.end)
	return snapshots, nil
}

// loadSegment takes stock of one segment, behind which another begins at next: its size and indexes, which are made
// anew where they are missing or wrong.
func (l *Log) loadSegment(s *segment, next int64, sound points, scan bool) error {
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.size, err = f.Size(); err != nil {
		return err
	}
	if scan && next > sound.index {
		return l.recoverSegment(f, s, sound.index, sound.recovery)
	}
	ok, err := l.loadIndexes(f, s)
	if err == nil && ok { // its last mark leads to the end that is looked for
		_, err = l.mark(&headerWindow{file: f, limit: s.size}, l.whole(s), func(int64, int64) bool { return true })
		ok = !s.distrusted
	}
	if err != nil {
		return err
	}
	if !ok {
		l.store.opt.Log.Warn("index is missing or wrong and is made anew", "topic", l.id.Topic, "partition", l.id.Partition,
			"segment", s.base)
		return l.recoverSegment(f, s, s.base, math.MaxInt64)
	}
	return nil
}

// loadIndexes checks what Kafka's sanity check does: whole entries, within the segment, in order at the end.
func (l *Log) loadIndexes(f *openFile, s *segment) (ok bool, err error) {
	offsets, err := l.indexSize(s.base, indexSuffix)
	if err != nil {
		return false, err
	}
	times, err := l.indexSize(s.base, timeIndexSuffix)
	if err != nil {
		return false, err
	}
	if offsets < 0 || times < 0 || offsets%indexEntry != 0 || times%timeIndexEntry != 0 {
		return false, nil
	}
	s.index.flushed, s.timeIndex.flushed = offsets, times
	entry, found, err := l.view(s.base, indexSuffix, &s.index, indexEntry).last(func([]byte) bool { return true })
	if err != nil {
		return false, err
	}
	if found && int64(binary.BigEndian.Uint32(entry[4:])) >= s.size {
		return false, nil
	}
	if !found && beginsBehind(f, s.size, 4*max(4096, l.config.IndexIntervalBytes)) {
		return false, nil
	}
	entry, found, err = l.view(s.base, timeIndexSuffix, &s.timeIndex, timeIndexEntry).
		last(func([]byte) bool { return true })
	if err != nil {
		return false, err
	}
	if found {
		s.maxTimestamp = int64(binary.BigEndian.Uint64(entry))
		s.maxOffset = s.base + int64(binary.BigEndian.Uint32(entry[8:]))
		s.markedTimestamp, s.timed = s.maxTimestamp, true
	}
	return found || s.size == 0 || offsets == 0, nil
}

// beginsBehind reports whether a batch of a segment begins behind position most, or what stands before it is damaged:
// a segment of one large batch needs no mark.
func beginsBehind(f *openFile, size, most int64) bool {
	position := int64(0)
	for w := (headerWindow{file: f, limit: size}); size > most && position <= most; {
		b, err := w.at(position)
		if err != nil {
			return true
		}
		position += int64(b.Size())
	}
	return position > most && position < size
}

// indexSize returns an index file's size, -1 when there is none.
func (l *Log) indexSize(base int64, suffix string) (int64, error) {
	f, err := l.store.files.acquire(l.path(base, suffix), false)
	if err != nil {
		if missing(err) {
			return -1, nil
		}
		return 0, err
	}
	defer f.Close()
	return f.Size()
}

// cutBehindTear removes the segments behind one whose end was cut off: they were written later, so they were not
// synced either, and what was acknowledged of them is in the journal. The caller syncs the directory.
func (l *Log) cutBehindTear() error {
	i := slices.IndexFunc(l.segments, func(s *segment) bool { return s.torn })
	if i < 0 {
		return nil
	}
	for _, behind := range slices.Backward(l.segments[i+1:]) { // a crash leaves no hole
		if err := l.removeSegment(behind.base); err != nil {
			return err
		}
	}
	l.segments = l.segments[:i+1]
	return nil
}

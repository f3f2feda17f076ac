package seglog

import (
	"math"
	"slices"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// create makes a new, empty log's directory and first segment, durably.
func (l *Log) create() error {
	fs := l.opt.FS
	if err := fs.MkdirAll(l.dir); err != nil {
		return err
	}
	if err := placeFile(fs, l.file(partitionFile), checkpoint.FormatTopicID(l.id.TopicID)); err != nil {
		return err
	}
	if err := l.createSegmentFiles(0); err != nil { // which syncs the directory
		return err
	}
	if err := fs.SyncDir(l.opt.Dir); err != nil {
		return err
	}
	l.segments = []*segment{newSegment(&l.directory, 0)}
	return nil
}

// load opens an existing log, and returns the offsets of the producer snapshots in its directory. With scan the log was
// not closed properly: records from the recovery point on are checked, and cut off where they are torn, and the indexes
// are built again from the index point on. Without, only the log's end is looked for.
func (l *Log) load(sound points, start int64, scan bool) (snapshots []int64, err error) {
	if begin, ok, err := l.finishReset(); err != nil {
		return nil, err
	} else if ok {
		sound, start = points{begin, begin}, begin
	}
	names, err := l.opt.FS.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	if slices.Contains(names, unappliedFile) {
		return nil, fault.New(fault.KafkaStorageError,
			"%s has records in %s that are damaged or do not follow the end of its segments: "+
				"acknowledged records are lost; restore the segments, or remove that file to accept the loss", l.name(),
			l.file(unappliedFile))
	}
	if names, err = l.finishSwaps(names); err != nil {
		return nil, err
	}
	if l.floor, err = l.readFloor(); err != nil {
		return nil, err
	}
	if snapshots, err = l.listSegments(names, start); err != nil {
		return nil, err
	}
	if err := l.loadSegments(sound, scan); err != nil {
		return nil, err
	}
	if slices.Contains(names, syncFailedFile) {
		if err := l.repeatSync(sound.recovery); err != nil {
			return nil, err
		}
	}
	if err := l.findEnd(); err != nil {
		return nil, err
	}
	if l.end < sound.recovery {
		return nil, fault.New(fault.KafkaStorageError,
			"%s ends at offset %d, and was synced up to %d: acknowledged records are lost", l.dir, l.end, sound.recovery)
	}
	l.indexPoint = l.end
	if scan {
		l.indexPoint = min(l.end, sound.index)
	}
	l.start = min(l.start, l.end)
	return snapshots, nil
}

// listSegments finds the log's segments and producer snapshots among the names in its directory. A log whose segments
// are missing begins with an empty one at start.
func (l *Log) listSegments(names []string, start int64) (snapshots []int64, err error) {
	for _, name := range names {
		if base, ok := parseSegmentName(name, logSuffix); ok {
			l.segments = append(l.segments, newSegment(&l.directory, base))
		}
		if at, ok := parseSegmentName(name, snapshotSuffix); ok {
			snapshots = append(snapshots, at)
		}
	}
	if len(l.segments) == 0 {
		l.segments = []*segment{newSegment(&l.directory, max(0, start))}
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
	return snapshots, nil
}

// loadSegments loads the segments up to one that is torn. It removes those behind that.
func (l *Log) loadSegments(sound points, scan bool) error {
	for i, s := range l.segments {
		next := int64(math.MaxInt64)
		if i+1 < len(l.segments) {
			next = l.segments[i+1].base
		}
		built, err := s.load(next, l.start, sound, scan, l.config.IndexIntervalBytes)
		l.indexesBuilt = l.indexesBuilt || built
		if err != nil {
			return err
		}
		// A segment above the recovery point that ends before the next one begins has lost its end at a batch's boundary.
		if scan && next < math.MaxInt64 && next > sound.recovery && s.next < next {
			s.torn = true
		}
		if s.torn {
			break
		}
	}
	if !scan {
		return nil
	}
	if err := l.removeBehindTorn(); err != nil {
		return err
	}
	return l.syncDir() // the names that a killed run has left need not be durable
}

// removeBehindTorn removes the segments behind one whose end was cut off: they were written later, so they were not
// synced either, and what was acknowledged of them is in the journal. The caller syncs the directory.
func (l *Log) removeBehindTorn() error {
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

// repeatSync writes the segments again that are not synced, and syncs them: a sync has failed in an earlier run.
func (l *Log) repeatSync(recovery int64) error {
	for i, s := range l.segments {
		if i+1 < len(l.segments) && l.segments[i+1].base <= recovery {
			continue
		}
		if err := s.writeAgain(); err != nil {
			return err
		}
	}
	if err := l.opt.FS.Remove(l.file(syncFailedFile)); err != nil {
		return err
	}
	return l.syncDir()
}

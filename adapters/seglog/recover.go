package seglog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// unappliedFile holds entries of the journal that could not be applied to the log: its presence keeps the log offline.
const unappliedFile = "unapplied.batches"

// create makes a new, empty log's directory and first segment, durably.
func (l *Log) create() error {
	fs := l.store.opt.FS
	if err := fs.MkdirAll(l.dir); err != nil {
		return err
	}
	if err := placeFile(fs, filepath.Join(l.dir, partitionFile), formatPartition(l.id.TopicID)); err != nil {
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
	return l.store.opt.FS.SyncDir(l.dir)
}

// load opens an existing log. Records from recoveryPoint on are checked, and cut off where they are torn; with scan false
// the log was closed properly, and only its end is looked for.
func (l *Log) load(recoveryPoint, start int64, scan bool) error {
	fs := l.store.opt.FS
	names, err := fs.ReadDir(l.dir)
	if err != nil {
		return err
	}
	if slices.Contains(names, unappliedFile) {
		return fault.New(fault.KafkaStorageError, "%s has records in %s that do not follow the end of its segments: "+
			"acknowledged records between them are lost; restore the segments, or remove that file to accept the loss",
			l.name(), filepath.Join(l.dir, unappliedFile))
	}
	if names, err = l.finishSwaps(names); err != nil {
		return err
	}
	var snapshots []int64
	for _, name := range names {
		if base, ok := parseSegmentName(name, logSuffix); ok {
			l.segments = append(l.segments, newSegment(base))
		}
		if at, ok := parseSegmentName(name, snapshotSuffix); ok {
			snapshots = append(snapshots, at)
		}
	}
	if err := l.readFloor(); err != nil {
		return err
	}
	if len(l.segments) == 0 {
		l.segments = []*segment{newSegment(max(0, start))}
		if err := l.createSegmentFiles(l.segments[0].base); err != nil {
			return err
		}
	}
	slices.SortFunc(l.segments, func(a, b *segment) int { return int(a.base - b.base) })
	// Retention that was interrupted leaves segments below the log start offset, and perhaps a hole behind them.
	for len(l.segments) > 1 && l.segments[1].base <= start {
		if err := l.removeSegment(l.segments[0].base); err != nil {
			return err
		}
		l.segments = l.segments[1:]
	}
	l.start = max(start, l.segments[0].base)
	for i, s := range l.segments {
		if err := l.loadSegment(s, i == len(l.segments)-1, recoveryPoint, scan); err != nil {
			return err
		}
		// A segment above the recovery point that ends before the next one begins has lost its end at a batch's boundary.
		if scan && i+1 < len(l.segments) && l.segments[i+1].base > recoveryPoint && s.next < l.segments[i+1].base {
			s.torn = true
		}
		if s.torn {
			break
		}
	}
	if scan {
		if err := l.cutBehindTear(); err != nil {
			return err
		}
		if err := fs.SyncDir(l.dir); err != nil { // the names that a killed run has left need not be durable
			return err
		}
	}
	if err := l.findEnd(); err != nil {
		return err
	}
	if l.end < recoveryPoint {
		return fault.New(fault.KafkaStorageError, "%s ends at offset %d, and was synced up to %d: acknowledged records are lost", l.dir, l.end, recoveryPoint)
	}
	l.start = min(l.start, l.end)
	if err := l.loadEpochs(); err != nil {
		return err
	}
	return l.loadProducers(snapshots)
}

// loadSegment takes stock of one segment: its size and indexes, which are made anew where they are missing or wrong.
func (l *Log) loadSegment(s *segment, last bool, recoveryPoint int64, scan bool) error {
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.size, err = f.Size(); err != nil {
		return err
	}
	next := int64(1<<63 - 1)
	if i := slices.Index(l.segments, s); i+1 < len(l.segments) {
		next = l.segments[i+1].base
	}
	if scan && (last || next > recoveryPoint) {
		return l.recoverSegment(f, s, recoveryPoint, recoveryPoint)
	}
	ok, err := l.loadIndexes(s)
	if err != nil {
		return err
	}
	if !ok {
		l.store.opt.Log.Warn("index is missing or wrong and is made anew", "topic", l.id.Topic, "partition", l.id.Partition, "segment", s.base)
		return l.recoverSegment(f, s, s.base, math.MaxInt64)
	}
	return nil
}

// loadIndexes checks what Kafka's sanity check does: whole entries, within the segment, in order at the end.
func (l *Log) loadIndexes(s *segment) (ok bool, err error) {
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
	if !found && s.size > 4*4096 && s.size > 4*l.config.IndexIntervalBytes {
		// A segment of this size may have one batch without a mark, but rarely: making the index anew is cheap.
		return false, nil
	}
	entry, found, err = l.view(s.base, timeIndexSuffix, &s.timeIndex, timeIndexEntry).last(func([]byte) bool { return true })
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

// recoverSegment reads a segment from the mark before offset from on, checks every batch, cuts the file where the first bad one
// begins, and makes the indexes anew from there on. Records below offset sound were synced: where these are bad nothing is cut, and
// the error is fault.KafkaStorageError.
func (l *Log) recoverSegment(f *openFile, s *segment, from, sound int64) error {
	fresh, position, err := l.trusted(f, s, from)
	if err != nil {
		return err
	}
	expected := s.base
	var buf []byte
	for w := (headerWindow{file: f, limit: s.size}); position < s.size; {
		head, err := w.at(position)
		if err != nil || head.BaseOffset() < expected || position+int64(head.Size()) > s.size {
			break
		}
		size := head.Size()
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		if _, err := f.ReadAt(buf, position); err != nil {
			return err
		}
		b := record.Batch(buf)
		if b.VerifyCRC() != nil {
			break
		}
		fresh.note(b, l.config.IndexIntervalBytes)
		fresh.size += int64(size)
		expected = b.NextOffset()
		position += int64(size)
	}
	fresh.torn, fresh.next = position < s.size, expected
	if fresh.torn && expected < sound {
		return fault.New(fault.KafkaStorageError, "%s is damaged at byte %d, offset %d, below which all was synced: cutting it there would lose acknowledged records",
			l.path(s.base, logSuffix), position, expected)
	}
	if fresh.torn {
		l.store.opt.Log.Warn("torn end of a segment is cut off", "topic", l.id.Topic, "partition", l.id.Partition, "segment", s.base, "size", s.size, "kept", position)
		if err := f.Truncate(position); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	fresh.dirty = true // what the operating system still holds of it is synced with the next checkpoint
	if fresh.timed {
		fresh.markTime()
	}
	for _, suffix := range []string{indexSuffix, timeIndexSuffix} {
		x, err := l.store.files.acquire(l.path(s.base, suffix), true)
		if err != nil {
			return err
		}
		size := fresh.index.flushed
		if suffix == timeIndexSuffix {
			size = fresh.timeIndex.flushed
		}
		if err := errors.Join(x.Truncate(size), x.Close()); err != nil {
			return err
		}
	}
	*s = *fresh
	return l.flushIndexes(s)
}

// trusted returns the part of a segment that was synced before and is marked by sound indexes: where its last mark before offset
// from is a batch as the index says. Without one the segment is read from its beginning.
func (l *Log) trusted(f *openFile, s *segment, from int64) (*segment, int64, error) {
	fresh := newSegment(s.base)
	if from <= s.base {
		return fresh, 0, nil
	}
	ok, err := l.loadIndexes(s)
	if err != nil || !ok {
		return fresh, 0, err
	}
	// The batch at the mark is read again, so the mark itself and what follows it are made anew.
	entry, found, err := l.view(s.base, indexSuffix, &s.index, indexEntry).last(func(e []byte) bool {
		return s.base+int64(binary.BigEndian.Uint32(e)) < from
	})
	if err != nil || !found {
		return fresh, 0, err
	}
	position, marked := int64(binary.BigEndian.Uint32(entry[4:])), s.base+int64(binary.BigEndian.Uint32(entry))
	b, err := (&headerWindow{file: f, limit: s.size}).at(position)
	if err != nil || b.LastOffset() != marked {
		return fresh, 0, nil //nolint:nilerr // a mark that leads nowhere is not trusted, that is all
	}
	marks, err := l.countBefore(s, &s.index, indexSuffix, indexEntry, func(e []byte) bool { return int64(binary.BigEndian.Uint32(e[4:])) < position })
	if err != nil {
		return nil, 0, err
	}
	times, err := l.countBefore(s, &s.timeIndex, timeIndexSuffix, timeIndexEntry, func(e []byte) bool { return s.base+int64(binary.BigEndian.Uint32(e[8:])) < b.BaseOffset() })
	if err != nil {
		return nil, 0, err
	}
	fresh.index.flushed, fresh.timeIndex.flushed = marks, times
	fresh.size, fresh.sinceMark = position, l.config.IndexIntervalBytes+1
	if entry, found, err := l.view(s.base, timeIndexSuffix, &fresh.timeIndex, timeIndexEntry).last(func([]byte) bool { return true }); err != nil {
		return nil, 0, err
	} else if found {
		fresh.maxTimestamp = int64(binary.BigEndian.Uint64(entry))
		fresh.maxOffset = s.base + int64(binary.BigEndian.Uint32(entry[8:]))
		fresh.markedTimestamp, fresh.timed = fresh.maxTimestamp, true
	}
	return fresh, position, nil
}

// countBefore returns the bytes of an index that hold the entries for which keep is true.
func (l *Log) countBefore(s *segment, x *sparseIndex, suffix string, size int, keep func([]byte) bool) (int64, error) {
	n, err := l.view(s.base, suffix, x, size).count(keep)
	return int64(n * size), err
}

// cutBehindTear removes the segments behind one whose end was cut off: they were written later, so they were not synced either, and
// what was acknowledged of them is in the journal. The caller syncs the directory.
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

// findEnd finds the log's end: it lies behind the last batch of the last segment.
func (l *Log) findEnd() error {
	s := l.active()
	tail, err := l.tailOf(s)
	if err != nil {
		return err
	}
	first, err := l.firstTime(s)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stored, l.end = s.base, max(s.base, l.start)
	position := s.size
	for _, b := range tail {
		position -= int64(b.Size())
	}
	for _, b := range tail {
		if ts := b.MaxTimestamp(); !s.timed || ts > s.maxTimestamp {
			s.maxTimestamp, s.maxOffset, s.timed = ts, b.LastOffset(), true
		}
		l.recent.add(b.BaseOffset(), s.base, position, int64(b.Size()))
		l.stored = b.NextOffset()
		l.end = max(l.stored, l.start)
		position += int64(b.Size())
	}
	l.durable, l.written, l.recoveryPoint, l.taking = l.end, l.end, l.end, l.end
	l.durableBase, l.durableSize = s.base, s.size
	l.planned = plan{base: s.base, size: s.size, first: first, marks: int64(s.index.entries(indexEntry)), pending: s.sinceMark, jitter: jitter(l.config)}
	return nil
}

// tailOf returns the headers of the batches behind a segment's last index mark.
func (l *Log) tailOf(s *segment) ([]record.Batch, error) {
	if s.size == 0 {
		return nil, nil
	}
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	position, err := l.view(s.base, indexSuffix, &s.index, indexEntry).floor(1<<31 - 1)
	if err != nil {
		return nil, err
	}
	var tail []record.Batch
	for w := (headerWindow{file: f, limit: s.size}); position < s.size; {
		b, err := w.at(position)
		if err == nil && position+int64(b.Size()) > s.size {
			err = fmt.Errorf("%w at %d", record.ErrIncomplete, position)
		}
		if err != nil {
			return nil, fault.New(fault.KafkaStorageError, "%s: segment %d was closed properly and is damaged: %w", l.name(), s.base, err)
		}
		tail = append(tail, slices.Clone(b))
		position += int64(b.Size())
	}
	return tail, nil
}

// firstTime finds when a segment was begun.
func (l *Log) firstTime(s *segment) (time.Time, error) {
	now := time.Now()
	if s.size == 0 {
		return now, nil
	}
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
	if err != nil {
		return now, err
	}
	defer f.Close()
	b, err := (&headerWindow{file: f, limit: s.size}).at(0)
	if err != nil {
		return now, err
	}
	return timestampOr(b, now), nil
}

// loadEpochs reads the leader epochs, and from the records what the checkpoint lacks or what lies behind the log's end.
func (l *Log) loadEpochs() error {
	content, err := readFile(l.store.opt.FS, filepath.Join(l.dir, epochFile))
	if err != nil {
		return err
	}
	entries, err := parseEpochs(content)
	if err == nil && len(entries) > 0 || l.end == l.start {
		l.epochs.Restore(entries)
		l.epochs.TruncateFrom(l.end)
		l.noteStoredEpoch()
		return nil
	}
	return l.walk(l.start, func(b record.Batch) {
		l.epochs.Assign(b.LeaderEpoch(), b.BaseOffset())
	})
}

// noteStoredEpoch notes that the checkpoint holds all epochs that are known.
func (l *Log) noteStoredEpoch() {
	l.storedEpoch = -1
	if latest, ok := l.epochs.Latest(); ok {
		l.storedEpoch = latest
	}
}

// loadProducers restores the newest intact snapshot and applies the batches behind it.
func (l *Log) loadProducers(snapshots []int64) error {
	slices.Sort(snapshots)
	from, removed := l.start, false
	for _, at := range slices.Backward(snapshots) {
		if at > l.end || at < l.start {
			if err := l.store.opt.FS.Remove(l.path(at, snapshotSuffix)); err != nil {
				return err
			}
			removed = true
			continue
		}
		content, err := readFile(l.store.opt.FS, l.path(at, snapshotSuffix))
		if err != nil {
			return err
		}
		producers, err := parseProducers(content)
		if err != nil {
			l.store.opt.Log.Warn("producer snapshot is passed over", "topic", l.id.Topic, "partition", l.id.Partition, "offset", at, "err", err)
			continue
		}
		l.producers.Restore(producers)
		from = at
		break
	}
	if removed { // one from a history that was cut off must not come back
		if err := l.store.opt.FS.SyncDir(l.dir); err != nil {
			return err
		}
	}
	// What came from the journal may be of an epoch that the checkpoint does not know, and lies behind the last snapshot.
	before := len(l.epochs.Entries())
	err := l.walk(from, func(b record.Batch) {
		l.producers.Append(b, max(b.MaxTimestamp(), 0))
		if latest, ok := l.epochs.Latest(); !ok || b.LeaderEpoch() > latest {
			l.epochs.Assign(b.LeaderEpoch(), b.BaseOffset())
		}
	})
	if entries := l.epochs.Entries(); err == nil && len(entries) != before {
		err = l.writeEpochs(formatEpochs(entries))
	}
	return err
}

// walk visits the headers of the batches from offset from to the log's end. Control batches are visited whole.
func (l *Log) walk(from int64, visit func(record.Batch)) error {
	for from < l.end {
		l.mu.Lock()
		p, ok := l.locate(from)
		l.mu.Unlock()
		if !ok {
			return nil
		}
		f, err := l.store.files.acquire(l.path(p.base, logSuffix), false)
		if err != nil {
			return err
		}
		next, err := l.walkSegment(f, p, from, visit)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		if next <= from {
			return nil
		}
		from = next
	}
	return nil
}

func (l *Log) walkSegment(f *openFile, p place, from int64, visit func(record.Batch)) (next int64, err error) {
	position, _, ok, err := l.find(f, p, from)
	if err != nil {
		return 0, err
	}
	next = from
	if !ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		if i := l.segmentAt(from); i+1 < len(l.segments) {
			return l.segments[i+1].base, nil
		}
		return next, nil
	}
	for w := (headerWindow{file: f, limit: p.limit}); position < p.limit; {
		b, err := w.at(position)
		if err != nil {
			return 0, err
		}
		size := int64(b.Size())
		if b.Control() {
			whole := make(record.Batch, size)
			if _, err := f.ReadAt(whole, position); err != nil {
				return 0, err
			}
			b = whole
		}
		visit(b)
		next = b.NextOffset()
		position += size
	}
	return next, nil
}

// apply brings an entry of the journal into the log: what is there already is passed over.
func (l *Log) apply(e journal.Entry) error {
	var fresh []record.Batch
	previous := e.Previous
	for rest := e.Payload; len(rest) > 0; {
		var b record.Batch
		var err error
		if b, rest, err = record.Next(rest); err != nil {
			return err
		}
		follows := previous <= l.end && b.BaseOffset() >= l.stored
		previous = b.NextOffset()
		switch {
		case b.NextOffset() <= l.end:
			continue
		case !follows:
			return fmt.Errorf("entry at offset %d, the log ends at %d", b.BaseOffset(), l.end)
		}
		fresh = append(fresh, slices.Clone(b))
		l.end = b.NextOffset()
		l.stored = l.end
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := l.writeBatches(fresh); err != nil {
		return err
	}
	l.written, l.durable = l.end, l.end
	l.durableBase, l.durableSize = l.active().base, l.active().size
	return nil
}

// keepUnapplied saves an entry of the journal that cannot be applied, durably.
func (l *Log) keepUnapplied(payload []byte) error {
	path := filepath.Join(l.dir, unappliedFile)
	f, err := l.store.opt.FS.Open(path, true)
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil {
		_, err = f.WriteAt(payload, size)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), l.store.opt.FS.SyncDir(l.dir))
}

// floorFile says up to which group the journal's entries are from before a truncation.
const floorFile = "journal-floor"

func (l *Log) readFloor() error {
	content, err := readFile(l.store.opt.FS, filepath.Join(l.dir, floorFile))
	if err != nil || content == nil {
		return err
	}
	l.floor, err = strconv.ParseUint(string(content), 10, 64)
	return err
}

// writeFloor has the next replay pass over what the journal holds of the log.
func (l *Log) writeFloor() error {
	return replaceFile(l.store.opt.FS, filepath.Join(l.dir, floorFile), strconv.AppendUint(nil, l.store.journal.Group(), 10))
}

// forgetFloor removes the floor, durably: it belongs to a journal that was replayed, and groups may count from 1 again.
func (l *Log) forgetFloor() error {
	if l.floor == 0 {
		return nil
	}
	l.floor = 0
	if err := l.store.opt.FS.Remove(filepath.Join(l.dir, floorFile)); err != nil {
		return err
	}
	return l.store.opt.FS.SyncDir(l.dir)
}

// finishSwaps completes or undoes a compaction that a crash has interrupted, and removes what was to be deleted. It returns the
// names that are left.
func (l *Log) finishSwaps(names []string) ([]string, error) {
	fs := l.store.opt.FS
	var kept []string
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, deletedSuffix), strings.HasSuffix(name, cleanedSuffix), strings.HasSuffix(name, ".tmp"):
			if err := fs.Remove(filepath.Join(l.dir, name)); err != nil {
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
		exists, err := fs.Exists(filepath.Join(l.dir, name))
		return err == nil && !exists
	}), nil
}

// empty returns a log that is not open yet.
func (s *Store) empty(id ports.LogID, cfg ports.LogConfig, events ports.LogEvents) *Log {
	l := &Log{
		store: s, id: id, dir: filepath.Join(s.opt.Dir, logName{id.Topic, id.Partition}.String()), events: events,
		config: withLimits(cfg), producers: partition.NewProducers(), epochs: &partition.Epochs{}, storedEpoch: -1, checkpointed: -1,
	}
	l.settled.L = &l.mu
	return l
}

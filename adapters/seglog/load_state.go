package seglog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

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
	l.durable, l.written, l.recoveryPoint, l.takenEnd = l.end, l.end, l.end, l.end
	l.volatileEnd = min(l.volatileEnd, l.end)
	l.durableBase, l.durableSize = s.base, s.size
	l.planned = plan{
		base: s.base, size: s.size, first: first, marks: int64(s.index.marks()), pending: s.sinceMark,
		jitter: jitter(l.config),
	}
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
	w := headerWindow{file: f, limit: s.size}
	position, err := l.mark(&w, l.whole(s), func(int64, int64) bool { return true })
	if err != nil {
		return nil, err
	}
	var tail []record.Batch
	for position < s.size {
		b, err := w.at(position)
		if err == nil && position+int64(b.Size()) > s.size {
			err = fmt.Errorf("%w at %d", record.ErrIncomplete, position)
		}
		if err != nil {
			return nil, fault.New(fault.KafkaStorageError, "%s: segment %d was closed properly and is damaged: %w", l.name(),
				s.base, err)
		}
		tail = append(tail, slices.Clone(b))
		position += int64(b.Size())
	}
	return tail, nil
}

// firstTime finds when a segment was begun.
func (l *Log) firstTime(s *segment) (milliseconds int64, err error) {
	now := time.Now()
	if s.size == 0 {
		return now.UnixMilli(), nil
	}
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b, err := (&headerWindow{file: f, limit: s.size}).at(0)
	if err != nil {
		return 0, err
	}
	return timestampOr(b, now), nil
}

// loadState makes the log's state again: from the newest intact snapshot of producers and the batches behind that. It
// brings the leader epoch checkpoint in line with the records, and returns what it holds.
func (l *Log) loadState(snapshots []int64) ([]partition.EpochStart, error) {
	epochs, stored, err := l.readEpochs()
	if err != nil {
		return nil, err
	}
	l.state.Clear()
	from, err := l.restoreNewest(snapshots)
	if err != nil {
		return nil, err
	}
	now := time.Now().UnixMilli()
	// What came from the journal may be of an epoch that the checkpoint does not know, and lies behind the last snapshot.
	if err := l.walk(from, func(b record.Batch) {
		l.state.Append(b, now)
		if latest, ok := epochs.Latest(); !ok || b.LeaderEpoch() > latest {
			epochs.Assign(b.LeaderEpoch(), b.BaseOffset())
		}
	}); err != nil {
		return nil, err
	}
	entries := epochs.Entries()
	if !slices.Equal(entries, stored) {
		err = l.writeEpochs(formatEpochs(entries))
	}
	return entries, err
}

// readEpochs returns the leader epochs of the log's records, and what the checkpoint says: that may be missing, or be
// of records that are not there any more.
func (l *Log) readEpochs() (epochs partition.Epochs, stored []partition.EpochStart, err error) {
	content, err := readFile(l.store.opt.FS, filepath.Join(l.dir(), epochFile))
	if err != nil {
		return epochs, nil, err
	}
	stored, damaged := parseEpochs(content)
	if damaged != nil {
		stored = nil
	}
	if len(stored) > 0 || l.end == l.start {
		epochs.Restore(stored)
		epochs.TruncateFrom(l.end)
		return epochs, stored, nil
	}
	err = l.walk(l.start, func(b record.Batch) { epochs.Assign(b.LeaderEpoch(), b.BaseOffset()) })
	return epochs, stored, err
}

// restoreNewest takes over the newest intact snapshot and returns its offset, or else the log's start. Of the other
// snapshots those stay that belong to a segment: one of an earlier stop is of no more use, and one from a history that
// was cut off must not come back.
func (l *Log) restoreNewest(snapshots []int64) (from int64, err error) {
	slices.Sort(snapshots)
	from, found := l.start, false
	var stray []int64
	for _, at := range slices.Backward(snapshots) {
		useful := at >= l.start && at <= l.end
		if useful && !found {
			intact, err := l.restoreSnapshot(at)
			if err != nil {
				return 0, err
			}
			if intact {
				from, found = at, true
				continue
			}
		}
		if !useful || !l.beginsAt(at) {
			stray = append(stray, at)
		}
	}
	return from, l.removeSnapshots(stray)
}

// restoreSnapshot takes over the snapshot at an offset, if it is intact.
func (l *Log) restoreSnapshot(at int64) (intact bool, err error) {
	content, err := readFile(l.store.opt.FS, l.path(at, snapshotSuffix))
	if err != nil {
		return false, err
	}
	snapshot, err := parseSnapshot(content)
	if err != nil {
		l.store.opt.Log.Warn("producer snapshot is passed over", "topic", l.id.Topic, "partition", l.id.Partition,
			"offset", at, "err", err)
		return false, nil
	}
	l.state.Restore(snapshot)
	return true, nil
}

// beginsAt reports whether a segment begins at offset.
func (l *Log) beginsAt(offset int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[l.segmentAt(offset)].base == offset
}

// removeSnapshots removes producer snapshots, durably.
func (l *Log) removeSnapshots(offsets []int64) error {
	if len(offsets) == 0 {
		return nil
	}
	for _, at := range offsets {
		if err := l.store.opt.FS.Remove(l.path(at, snapshotSuffix)); err != nil {
			return err
		}
	}
	return l.store.opt.FS.SyncDir(l.dir())
}

// walk visits the headers of the batches from offset from to the end of what is durable. Control
// batches are visited whole.
func (l *Log) walk(from int64, visit func(record.Batch)) error {
	for end := l.DurableEnd(); from < end; {
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

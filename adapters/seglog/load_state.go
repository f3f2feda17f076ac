package seglog

import (
	"errors"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// findEnd finds the log's end: it lies behind the last batch of the last segment.
func (l *Log) findEnd() error {
	s := l.active()
	tail, err := s.lastBatches()
	if err != nil {
		return err
	}
	first, err := s.firstTime()
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
	l.durable = l.end
	l.written = l.end
	l.recoveryPoint = l.end
	l.takenEnd = l.end
	l.volatileEnd = min(l.volatileEnd, l.end)
	l.durableBase, l.durableSize = s.base, s.size
	l.planned = plan{
		base:    s.base,
		size:    s.size,
		first:   first,
		marks:   int64(s.index.marks()),
		pending: s.sinceMark,
		jitter:  jitter(l.config),
	}
	return nil
}

// loadState restores the partition's state from the newest intact snapshot of producers and the batches behind that. It
// corrects the leader epoch checkpoint by the records, and returns what it holds then.
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
		err = l.writeEpochs(checkpoint.FormatEpochs(entries))
	}
	return entries, err
}

// readEpochs returns the leader epochs of the log's records, and what the checkpoint says: that may be missing, or be
// of records that are not there any more.
func (l *Log) readEpochs() (epochs partition.Epochs, stored []partition.EpochStart, err error) {
	content, err := l.readFile(epochFile)
	if err != nil {
		return epochs, nil, err
	}
	stored, damaged := checkpoint.ParseEpochs(content)
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

// restoreNewest restores the newest intact snapshot and returns its offset, or the log's start when there is none. Of
// the other snapshots only those stay that belong to a segment: one of an earlier stop is of no more use, and one of
// records that were truncated must not be used later.
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

// restoreSnapshot restores the snapshot at an offset, if it is intact.
func (l *Log) restoreSnapshot(at int64) (intact bool, err error) {
	content, err := l.readFile(segmentName(at, snapshotSuffix))
	if err != nil {
		return false, err
	}
	snapshot, err := checkpoint.ParseProducers(content)
	if err != nil {
		l.opt.Log.Warn("skipping a damaged producer snapshot", "topic", l.id.Topic, "partition", l.id.Partition,
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

// walk visits the headers of the batches from offset from to the end of what is durable. Control batches are visited
// whole.
func (l *Log) walk(from int64, visit func(record.Batch)) error {
	for end := l.DurableEnd(); from < end; {
		l.mu.Lock()
		v, ok := l.locate(from)
		after := from
		if i := l.segmentAt(from); i+1 < len(l.segments) {
			after = l.segments[i+1].base
		}
		l.mu.Unlock()
		if !ok {
			return nil
		}
		f, err := v.of.open()
		if err != nil {
			return err
		}
		next, found, err := v.walk(f, from, visit)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		if !found {
			next = after
		}
		if next <= from {
			return nil
		}
		from = next
	}
	return nil
}

package seglog

import (
	"context"
	"slices"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Truncate removes everything from offset to on; see ports.Log. It waits until what was appended is durable.
func (l *Log) Truncate(ctx context.Context, to int64) error {
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	if err := l.awaitCommitted(ctx); err != nil {
		return err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	t, err := l.beginTruncation(to)
	if err != nil || t == nil {
		return err
	}
	defer t.finish()
	l.abandonCompaction()
	if err := l.retry(ctx, t.prepare); err != nil {
		if !disk.Passing(err) { // else ctx has ended, and nothing was cut
			l.fail(err)
		}
		return err
	}
	if err := l.retry(ctx, t.cut); err != nil {
		l.fail(err)
		return err
	}
	return nil
}

// beginTruncation keeps the log start offset from rising above to until the truncation is finished. It returns nil when
// the log ends at or below to.
func (l *Log) beginTruncation(to int64) (*truncation, error) {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	gone, start, end := l.offline, l.start, l.end
	l.mu.Unlock()
	switch {
	case gone != nil:
		return nil, gone
	case to >= end:
		return nil, nil
	case to < start:
		return nil, fault.New(fault.OffsetOutOfRange, "cannot truncate %s to %d, it starts at %d", l.name(), to, start)
	}
	l.truncating = &truncation{log: l, to: to, end: to}
	return l.truncating, nil
}

// truncation is the progress of cutting a log so that it ends at to. It goes on after an error that passes. It has
// Log.cleaning and Log.writing.
type truncation struct {
	log       *Log
	to        int64
	end       int64 // where the log ends: at to, or where the batch of that offset begins
	shortened bool  // the segment that holds end has no batch behind that
	// The last record lies further below end, as others were compacted away: an empty segment says where the log ends.
	gap bool
}

// finish allows the log start offset to rise to what is durable again.
func (t *truncation) finish() {
	t.log.syncing.Lock()
	defer t.log.syncing.Unlock()
	t.log.truncating = nil
}

// prepare makes a crash during the cut safe. It syncs the log and raises its journal floor, so that recovery does
// not replay the records that are being removed, and lowers the recovery point to the base of the segment that is cut.
func (t *truncation) prepare() error {
	l := t.log
	if err := l.Sync(); err != nil {
		return err
	}
	l.syncing.Lock() // no sync is under way that would raise it again
	l.mu.Lock()
	base := l.segments[l.segmentAt(t.to)].base // and not t.to, as a compacted log may end below it
	l.recoveryPoint = min(l.recoveryPoint, base)
	l.indexPoint = min(l.indexPoint, base)
	l.written = min(l.written, base)
	l.mu.Unlock()
	l.store.forgetStart(l)
	l.syncing.Unlock()
	if err := l.store.writeCheckpoints([]*Log{l}); err != nil {
		return err
	}
	if err := l.offlineError(); err != nil {
		return err
	}
	if l.store.cleanedTo(l.name()) > t.to {
		if err := l.store.writeCleaned(l, t.to); err != nil {
			return err
		}
	}
	return l.writeFloor(l.store.journal.Group())
}

// awaitCommitted returns when all that was appended is durable.
func (l *Log) awaitCommitted(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.offline == nil && l.durable < l.end {
		if l.committed == nil {
			l.committed = make(chan struct{})
		}
		committed := l.committed
		l.mu.Unlock()
		select {
		case <-committed:
		case <-ctx.Done():
		}
		l.mu.Lock()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return l.offline
}

// cut shortens the files and restores the state from what is left.
func (t *truncation) cut() error {
	if err := t.cutFiles(); err != nil {
		return err
	}
	if !t.gap {
		return nil
	}
	return t.log.writePoints() // recovery takes a gap above the recovery point for lost records
}

func (t *truncation) cutFiles() error {
	l := t.log
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	keep := l.segmentAt(t.to)
	behind := slices.Clone(l.segments[keep+1:])
	s := l.segments[keep]
	s.distrusted = true // its indexes are about to change while they are read
	l.mu.Unlock()
	for _, b := range slices.Backward(behind) {
		if err := l.removeSegment(b.base); err != nil {
			return err
		}
	}
	if err := l.syncDir(); err != nil {
		return err
	}
	l.mu.Lock()
	l.indexesBuilt = true
	interval := l.config.IndexIntervalBytes
	l.mu.Unlock()
	fresh, err := s.shorten(t, interval)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.replaceSegments(keep, len(l.segments), fresh)
	l.recent.forget()
	l.mu.Unlock()
	if err := l.findEnd(); err != nil {
		return err
	}
	if l.end < t.end {
		t.gap = true
		if err := l.createSegmentFiles(t.end); err != nil {
			return err
		}
		l.mu.Lock()
		l.segments = append(l.segments, newSegment(&l.directory, t.end))
		l.endAt(t.end)
		l.mu.Unlock()
	}
	snapshots, err := l.snapshots()
	if err != nil {
		return err
	}
	_, err = l.loadState(snapshots)
	return err
}

// endAt sets the log's end to an offset, at which its last segment, an empty one, begins. Called with the log's lock
// held.
func (l *Log) endAt(end int64) {
	l.end = end
	l.stored = end
	l.durable = end
	l.written = end
	l.recoveryPoint = end
	l.takenEnd = end
	l.durableBase, l.durableSize = end, 0
	l.planned = plan{base: end, jitter: jitter(l.config)}
}

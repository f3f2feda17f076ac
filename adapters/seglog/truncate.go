package seglog

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// Truncate removes everything from offset to on; see ports.Log. It waits until what was appended is durable.
func (l *Log) Truncate(ctx context.Context, to int64) error {
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	if err := l.awaitQuiet(ctx); err != nil {
		return err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	gone, start, end := l.offline, l.start, l.end
	l.mu.Unlock()
	switch {
	case gone != nil:
		return gone
	case to >= end:
		return nil
	case to < start:
		return fault.New(fault.OffsetOutOfRange, "cannot truncate %s to %d, it starts at %d", l.name(), to, start)
	}
	if err := l.prepareCut(to); err != nil {
		l.fail(err)
		return err
	}
	if err := l.cut(to); err != nil {
		l.fail(err)
		return err
	}
	return nil
}

// prepareCut makes true on disk what a start after a crash must know, however far the cut came: what stays needs no journal, which
// would bring back the rest; and of the segment that is cut nothing is vouched for.
func (l *Log) prepareCut(to int64) error {
	if err := l.Sync(); err != nil {
		return err
	}
	l.syncing.Lock() // no sync is under way that would raise it again
	l.mu.Lock()
	base := l.segments[l.segmentAt(to)].base // and not to, as a compacted log may end below it
	l.recoveryPoint, l.written = min(l.recoveryPoint, base), min(l.written, base)
	l.mu.Unlock()
	l.syncing.Unlock()
	if err := l.store.writeCheckpoints([]*Log{l}); err != nil {
		return err
	}
	if err := l.offlineError(); err != nil {
		return err
	}
	if l.store.cleanedTo(l.name()) > to {
		if err := l.store.writeCleaned(l, to); err != nil {
			return err
		}
	}
	return l.writeFloor()
}

// awaitQuiet returns when nothing is on its way to the disk.
func (l *Log) awaitQuiet(ctx context.Context) error {
	stop := context.AfterFunc(ctx, l.settled.Broadcast)
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.offline == nil && l.durable < l.end {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.settled.Wait()
	}
	return l.offline
}

// cut shortens the files and reads the state that follows from what is left.
func (l *Log) cut(to int64) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	keep := l.segmentAt(to)
	behind := slices.Clone(l.segments[keep+1:])
	s := l.segments[keep]
	s.distrusted = true // its indexes are about to change under those who read it
	p, ok := l.locate(s.base)
	l.mu.Unlock()
	for _, b := range slices.Backward(behind) {
		if err := l.removeSegment(b.base); err != nil {
			return err
		}
	}
	if err := l.store.opt.FS.SyncDir(l.dir); err != nil {
		return err
	}
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
	if err != nil {
		return err
	}
	defer f.Close()
	if ok && p.base == s.base {
		p.hinted = false
		position, _, found, err := l.find(f, p, to)
		if err != nil {
			return err
		}
		if found {
			if err := errors.Join(f.Truncate(position), f.Sync()); err != nil {
				return err
			}
		}
	}
	names, err := l.store.opt.FS.ReadDir(l.dir)
	if err != nil {
		return err
	}
	var snapshots []int64
	for _, name := range names {
		if at, ok := parseSegmentName(name, snapshotSuffix); ok {
			snapshots = append(snapshots, at)
		}
	}
	fresh := newSegment(s.base) // readers go on with the old one meanwhile
	if fresh.size, err = f.Size(); err != nil {
		return err
	}
	if err := l.recoverSegment(f, fresh, s.base, math.MaxInt64); err != nil {
		return err
	}
	l.mu.Lock()
	l.segments = append(l.segments[:keep:keep], fresh)
	l.recent.forget()
	l.mu.Unlock()
	if err := l.findEnd(); err != nil {
		return err
	}
	l.epochs.TruncateFrom(l.end)
	l.noteStoredEpoch()
	if err := l.writeEpochs(formatEpochs(l.epochs.Entries())); err != nil {
		return err
	}
	*l.producers = *partition.NewProducers()
	return l.loadProducers(snapshots)
}

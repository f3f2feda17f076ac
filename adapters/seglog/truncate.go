package seglog

import (
	"context"
	"math"
	"slices"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/fault"
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
	c, err := l.beginCut(to)
	if err != nil || c == nil {
		return err
	}
	defer l.endCut()
	l.abandonCompaction()
	if err := l.persist(ctx, func() error { return l.prepareCut(to) }); err != nil {
		if !disk.Passing(err) { // else ctx has ended, and nothing was cut
			l.fail(err)
		}
		return err
	}
	if err := l.persist(ctx, func() error { return l.cut(c) }); err != nil {
		l.fail(err)
		return err
	}
	return nil
}

// beginCut sees that the log start offset does not rise above to from now on. It returns nil when there is nothing to
// be cut off.
func (l *Log) beginCut(to int64) (*cutting, error) {
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
	l.cutting = &cutting{to: to, end: to}
	return l.cutting, nil
}

// endCut lets the log start offset rise again to what is durable.
func (l *Log) endCut() {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.cutting = nil
}

// cutting is how far a log was cut that is to end at to. It can be gone on with after an error that passes.
type cutting struct {
	to, end   int64 // end is where it ends: at to, or where the batch of that offset begins
	shortened bool  // the segment that holds end has no batch behind that
	// gap: the last record lies further below end, as others were compacted away: an empty segment says where the log ends
	gap bool
}

// prepareCut makes true on disk what a start after a crash must know, however far the cut came: what stays needs no
// journal, which would bring back the rest; and of the segment that is cut nothing is vouched for.
func (l *Log) prepareCut(to int64) error {
	if err := l.Sync(); err != nil {
		return err
	}
	l.syncing.Lock() // no sync is under way that would raise it again
	l.mu.Lock()
	base := l.segments[l.segmentAt(to)].base // and not to, as a compacted log may end below it
	l.recoveryPoint, l.indexPoint, l.written = min(l.recoveryPoint, base), min(l.indexPoint, base), min(l.written, base)
	l.mu.Unlock()
	l.store.forgetStart(l)
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
	return l.writeFloor(l.store.journal.Group())
}

// awaitQuiet returns when nothing is on its way to the disk.
func (l *Log) awaitQuiet(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.offline == nil && l.durable < l.end {
		if l.settled == nil {
			l.settled = make(chan struct{})
		}
		settled := l.settled
		l.mu.Unlock()
		select {
		case <-settled:
		case <-ctx.Done():
		}
		l.mu.Lock()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return l.offline
}

// cut shortens the files and reads the state that follows from what is left.
func (l *Log) cut(c *cutting) error {
	if err := l.cutFiles(c); err != nil {
		return err
	}
	if !c.gap {
		return nil
	}
	return l.vouch() // above the recovery point a gap would be taken for a loss
}

func (l *Log) cutFiles(c *cutting) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	keep := l.segmentAt(c.to)
	behind := slices.Clone(l.segments[keep+1:])
	s := l.segments[keep]
	s.distrusted = true // its indexes are about to change under those who read it
	l.mu.Unlock()
	for _, b := range slices.Backward(behind) {
		if err := l.removeSegment(b.base); err != nil {
			return err
		}
	}
	if err := l.store.opt.FS.SyncDir(l.dir()); err != nil {
		return err
	}
	fresh, err := l.shorten(s, c)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.segments = append(l.segments[:keep:keep], fresh)
	l.recent.forget()
	l.mu.Unlock()
	if err := l.findEnd(); err != nil {
		return err
	}
	if c.gap = c.gap || l.end < c.end; l.end < c.end {
		if err := l.createSegmentFiles(c.end); err != nil {
			return err
		}
		l.mu.Lock()
		l.segments = append(l.segments, newSegment(c.end))
		l.endAt(c.end)
		l.mu.Unlock()
	}
	snapshots, err := l.snapshots()
	if err != nil {
		return err
	}
	_, err = l.loadState(snapshots)
	return err
}

// shorten cuts a segment's file where the batch of c.to begins, and returns the segment anew, for readers go on with
// the old one meanwhile.
func (l *Log) shorten(s *segment, c *cutting) (*segment, error) {
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !c.shortened {
		if err := l.shortenFile(f, s, c); err != nil {
			return nil, err
		}
	}
	fresh := newSegment(s.base)
	if fresh.size, err = f.Size(); err != nil {
		return nil, err
	}
	return fresh, l.recoverSegment(f, fresh, s.base, math.MaxInt64)
}

func (l *Log) shortenFile(f *openFile, s *segment, c *cutting) error {
	l.mu.Lock()
	whole := l.whole(s)
	l.mu.Unlock()
	position, _, found, err := l.find(f, whole, c.to)
	if err != nil {
		return err
	}
	if found {
		b, err := (&headerWindow{file: f, limit: whole.limit}).at(position)
		if err != nil {
			return err
		}
		if err := f.Truncate(position); err != nil {
			return err
		}
		if err := l.syncSegment(f); err != nil {
			return err
		}
		c.end = min(c.to, b.BaseOffset())
	}
	c.shortened = true
	return nil
}

// endAt has the log end at offset end, in an empty segment that begins there. Called with the log's lock held.
func (l *Log) endAt(end int64) {
	l.end, l.stored, l.durable, l.written, l.recoveryPoint, l.takenEnd = end, end, end, end, end, end
	l.durableBase, l.durableSize = end, 0
	l.planned = plan{base: end, jitter: jitter(l.config)}
}

// snapshots returns the offsets of the producer snapshots in the log's directory.
func (l *Log) snapshots() ([]int64, error) {
	names, err := l.store.opt.FS.ReadDir(l.dir())
	if err != nil {
		return nil, err
	}
	var all []int64
	for _, name := range names {
		if at, ok := parseSegmentName(name, snapshotSuffix); ok {
			all = append(all, at)
		}
	}
	return all, nil
}

package seglog

import (
	"context"
	"fmt"
	"time"

	"github.com/chronik-stream/chronik/adapters/internal/invariants"
	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// The journal commits a log's chunks by calling Take, Write and Done, in this order, from its one goroutine.

// Take hands what is pending to the journal.
func (l *Log) Take() journal.Chunk {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.pending
	l.taken, l.pending = t, nil
	t.end = l.end
	c := journal.Chunk{
		ID:         l.id,
		Previous:   l.takenEnd,
		BaseOffset: t.batches[0].BaseOffset(),
		Batches:    t.batches,
		Volatile:   l.config.Flush != ports.FlushSync,
	}
	l.takenEnd = t.end
	// The journal must not hold a chunk that follows neither a journaled one nor what is synced: a replay could not
	// apply it.
	hanging := !c.Volatile && l.volatileEnd > l.recoveryPoint
	switch {
	case l.offline != nil || hanging:
		c.Volatile = true
	case c.Volatile:
		l.volatileEnd = t.end
	}
	records := int64(0)
	for _, b := range t.batches {
		c.Bytes += len(b)
		records += int64(b.Count())
	}
	l.sinceFlush += records
	t.syncFirst = hanging || c.Volatile && l.config.FlushMessages > 0 && l.sinceFlush >= l.config.FlushMessages
	return c
}

// Write writes what was taken to the segments, and begins new ones where that was planned.
func (l *Log) Write() error { return l.retry(context.Background(), l.writeTaken) }

// writeTaken writes what was taken, from where an earlier call stopped.
func (l *Log) writeTaken() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	gone, volatile := l.offline, l.config.Flush != ports.FlushSync
	l.mu.Unlock()
	if gone != nil {
		return gone
	}
	t := l.taken
	if err := l.finishCreating(); err != nil {
		return err
	}
	if t.epochs != nil {
		if err := l.writeEpochs(t.epochs); err != nil {
			return err
		}
		t.epochs = nil
	}
	for ; t.rolled < len(t.rolls); t.rolled++ {
		r := t.rolls[t.rolled]
		if err := l.writeBatches(t.batches[t.written:r.at]); err != nil {
			return err
		}
		t.written = r.at
		if err := l.beginSegment(r); err != nil {
			return err
		}
	}
	if err := l.writeBatches(t.batches[t.written:]); err != nil {
		return err
	}
	t.written = len(t.batches)
	l.mu.Lock()
	l.written = t.end
	l.mu.Unlock()
	if t.syncFirst {
		return l.Sync()
	}
	if volatile {
		l.store.noteUnsynced(l)
	}
	return nil
}

// syncEarly is how many bytes of a segment the kernel is asked to write back at once. If all were left to the sync
// before the journal's files are used again, the commits of that moment would wait for it.
const syncEarly = 1 << 20

// writeBatches writes batches to the active segment with one system call, and notes them in the indexes.
func (l *Log) writeBatches(batches []record.Batch) error {
	if len(batches) == 0 {
		return nil
	}
	l.mu.Lock()
	s := l.active()
	interval := l.config.IndexIntervalBytes
	journaled := l.config.Flush == ports.FlushSync
	l.mu.Unlock()
	f, err := l.files.Acquire(s.path(logSuffix), true)
	if err != nil {
		return err
	}
	defer f.Close()
	vector := l.store.vector[:0]
	for _, b := range batches {
		vector = append(vector, b)
	}
	err = f.WritevAt(vector, s.size)
	clear(vector)
	l.store.vector = vector
	if err != nil {
		return err
	}

	l.mu.Lock()
	s.dirty = true
	if l.firstUnsynced.IsZero() {
		l.firstUnsynced = time.Now()
	}
	for _, b := range batches {
		s.note(b, interval)
		l.recent.add(b.BaseOffset(), s.base, s.size, int64(len(b)))
		s.size += int64(len(b))
	}
	offsets, times := s.index.full(), s.timeIndex.full()
	begun, size := s.syncing, s.size
	begin := journaled && size-begun >= syncEarly
	if begin {
		s.syncing = size
	}
	l.mu.Unlock()
	if begin {
		f.StartSync(begun, size-begun)
	}
	if offsets || times {
		if err := s.flushIndexes(); err != nil && !disk.Passing(err) { // else they are written with the next ones
			return err
		}
	}
	return nil
}

// beginSegment writes the rest of the active segment's indexes and begins a new segment.
func (l *Log) beginSegment(r roll) error {
	l.mu.Lock()
	s := l.active()
	s.markTime()
	l.mu.Unlock()
	if err := s.flushIndexes(); err != nil {
		return err
	}
	if r.gap {
		if err := l.Sync(); err != nil {
			return err
		}
	}
	if err := l.writeSnapshot(r.base, r.snapshot); err != nil {
		return err
	}
	if err := l.createSegmentFiles(r.base); err != nil {
		return err
	}
	l.mu.Lock()
	l.segments = append(l.segments, newSegment(&l.directory, r.base))
	if r.gap { // nothing is missing below
		l.written, l.recoveryPoint = r.base, r.base
	}
	l.mu.Unlock()
	if r.gap { // a gap above the recovery point would be taken for a loss
		return l.writePoints()
	}
	return nil
}

// finishCreating creates those files of the active segment that could not be created when it began.
func (l *Log) finishCreating() error {
	if !l.halfCreated {
		return nil
	}
	l.mu.Lock()
	base := l.active().base
	l.mu.Unlock()
	if err := l.createSegmentFiles(base); err != nil {
		return err
	}
	l.halfCreated = false
	return nil
}

// Done announces that what was taken is durable, or takes the log offline. From here on the bytes are the caller's
// again.
func (l *Log) Done(err error) {
	t := l.taken
	checkUnchanged(t)
	if err != nil {
		l.fail(err)
	}
	if !l.announceDurable(t) {
		l.announceEnd()
	}
	l.store.chunks.put(t)
}

// checkUnchanged panics if the bytes were changed while they were the log's; see ports.Log.
func checkUnchanged(t *chunk) {
	if !invariants.Enabled {
		return
	}
	for _, b := range t.batches {
		if err := b.VerifyCRC(); err != nil {
			panic(fmt.Sprintf("the batch at %d was changed while it was written: %v", b.BaseOffset(), err))
		}
	}
}

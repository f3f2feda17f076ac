package seglog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/chronik-stream/chronik/adapters/internal/invariants"
	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// Take hands what is pending to the journal.
func (l *Log) Take() journal.Chunk {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.pending
	l.taken, l.pending = t, nil
	t.end = l.end
	c := journal.Chunk{
		ID: l.id, Previous: l.takenEnd, BaseOffset: t.batches[0].BaseOffset(), Batches: t.batches,
		Volatile: l.config.Flush != ports.FlushSync,
	}
	l.takenEnd = t.end
	// The journal must not hold what does not follow the journal or what is synced: a replay could not apply it.
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

// Write writes what was taken to the segments, beginning new ones where they were planned.
func (l *Log) Write() error { return l.persist(context.Background(), l.writeTaken) }

// writeTaken writes what was taken, from where an earlier call has stopped.
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
	if err := l.finishBeginning(); err != nil {
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

// writeEpochs writes the leader epoch checkpoint. It holds nothing that the batches themselves do not say: a log whose
// checkpoint is missing or torn reads it from them. So the first one, which every new log writes, needs no sync.
func (l *Log) writeEpochs(content []byte) error {
	path := filepath.Join(l.dir(), epochFile)
	exists, err := l.store.opt.FS.Exists(path)
	if err != nil {
		return err
	}
	if exists {
		return replaceFile(l.store.opt.FS, path, content)
	}
	f, err := l.store.opt.FS.Open(path, true)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	return errors.Join(err, f.Close())
}

// syncEarly is how many bytes of a segment begin their way to the disk at once. Were all left to the sync before the
// journal's files are used anew, the commits of that moment would stand behind it.
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
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), true)
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
		if err := l.flushIndexes(s); err != nil && !disk.Passing(err) { // else they are written with the next ones
			return err
		}
	}
	return nil
}

// note brings a batch that stands at s.size, of which the header is enough, into the indexes, as Kafka's
// LogSegment.append does.
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

// full reports whether enough new entries have gathered to be written.
func (x *sparseIndex) full() bool { return len(x.tail) >= indexBuffer }

// flushIndexes writes the new entries of the segment's indexes.
func (l *Log) flushIndexes(s *segment) error {
	l.indexing.Lock()
	defer l.indexing.Unlock()
	return errors.Join(
		l.flushIndex(s, indexSuffix, &s.index),
		l.flushIndex(s, timeIndexSuffix, &s.timeIndex),
	)
}

func (l *Log) flushIndex(s *segment, suffix string, x *sparseIndex) error {
	l.mu.Lock()
	tail, at := x.tail, x.flushed
	l.mu.Unlock()
	if len(tail) == 0 {
		return nil
	}
	f, err := l.store.files.acquire(l.path(s.base, suffix), true)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(tail, at); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.indexDirty = true
	x.flushed += int64(len(tail))
	x.tail = append([]byte(nil), x.tail[len(tail):]...)
	return nil
}

// beginSegment closes the active segment's indexes and begins a new segment. Its files appear with its first batch.
func (l *Log) beginSegment(r roll) error {
	l.mu.Lock()
	s := l.active()
	s.markTime()
	l.mu.Unlock()
	if err := l.flushIndexes(s); err != nil {
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
	l.segments = append(l.segments, newSegment(r.base))
	if r.gap { // nothing is missing below
		l.written, l.recoveryPoint = r.base, r.base
	}
	l.mu.Unlock()
	if r.gap { // a gap above the recovery point would be taken for a loss
		return l.vouch()
	}
	return nil
}

// finishBeginning makes the files of the active segment, if not all of them could be made.
func (l *Log) finishBeginning() error {
	if !l.halfBegun {
		return nil
	}
	l.mu.Lock()
	base := l.active().base
	l.mu.Unlock()
	if err := l.createSegmentFiles(base); err != nil {
		return err
	}
	l.halfBegun = false
	return nil
}

// stayDirty notes that these segments could not even be opened to be synced.
func (l *Log) stayDirty(segments []*segment) {
	l.mu.Lock()
	for _, s := range segments {
		s.dirty = true
	}
	if l.firstUnsynced.IsZero() {
		l.firstUnsynced = time.Now()
	}
	l.mu.Unlock()
	l.store.noteUnsynced(l)
}

// Sync makes durable what was written to the segments. An error that passes leaves all as it was; any other takes the
// log offline.
func (l *Log) Sync() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	if l.deleted {
		l.mu.Unlock()
		return nil
	}
	if l.offline != nil {
		defer l.mu.Unlock()
		return l.offline
	}
	var dirty []*segment
	for _, s := range l.segments {
		if s.dirty {
			dirty = append(dirty, s)
			s.dirty = false
		}
	}
	written := l.written
	l.sinceFlush, l.firstUnsynced = 0, time.Time{}
	l.mu.Unlock()
	for i, s := range dirty {
		if err := l.syncFile(s, logSuffix); err != nil {
			if disk.Passing(err) {
				l.stayDirty(dirty[i:])
			} else {
				l.fail(err)
			}
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recoveryPoint = max(l.recoveryPoint, written)
	return nil
}

// syncIndexes makes durable the indexes of what was written to the segments: recovery believes them below the index
// point, which it raises to the recovery point. A failure takes the log offline, as one of Sync does.
func (l *Log) syncIndexes() error {
	err := l.trySyncIndexes()
	if err != nil && !disk.Passing(err) {
		l.fail(err)
	}
	return err
}

func (l *Log) trySyncIndexes() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	if l.offline != nil {
		l.mu.Unlock()
		return nil
	}
	point := l.recoveryPoint
	var changed []*segment
	for _, s := range l.segments {
		if s.indexDirty || len(s.index.tail)+len(s.timeIndex.tail) > 0 {
			changed = append(changed, s)
		}
	}
	l.mu.Unlock()
	for _, s := range changed {
		if err := l.flushIndexes(s); err != nil {
			return err
		}
		l.mu.Lock()
		s.indexDirty = false
		l.mu.Unlock()
		if err := errors.Join(l.syncFile(s, indexSuffix), l.syncFile(s, timeIndexSuffix)); err != nil {
			l.mu.Lock()
			s.indexDirty = true // or the next time would vouch for it
			l.mu.Unlock()
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.indexPoint, l.indexesMade = max(l.indexPoint, point), false
	return nil
}

// checkpoint makes durable what was written to the segments, and the recovery point behind it.
func (l *Log) checkpoint() error {
	if err := l.Sync(); err != nil {
		return err
	}
	return l.vouch()
}

// vouch writes the recovery point.
func (l *Log) vouch() error {
	if err := l.store.writeCheckpoints([]*Log{l}); err != nil {
		return err
	}
	return l.offlineError()
}

// syncFile syncs one of a segment's files.
func (l *Log) syncFile(s *segment, suffix string) error {
	f, err := l.store.files.acquire(l.path(s.base, suffix), false)
	if err != nil {
		if missing(err) && !l.holds(s) {
			return nil // deleted meanwhile
		}
		return err
	}
	defer f.Close()
	if suffix == logSuffix {
		return l.syncSegment(f)
	}
	return f.Sync() // an index is made anew
}

// Done announces what was taken as durable, or takes the log offline. The bytes are not the log's any more.
func (l *Log) Done(err error) {
	t := l.taken
	checkUnchanged(t)
	if err != nil {
		l.fail(err)
	}
	if !l.announce(t) {
		l.tellEnd()
	}
	l.store.chunks.put(t)
}

// announce tells that what was taken is durable, unless the log is offline.
func (l *Log) announce(t *chunk) bool {
	l.telling.Lock()
	defer l.telling.Unlock()
	l.mu.Lock()
	l.taken = nil
	if l.offline != nil {
		l.mu.Unlock()
		return false
	}
	l.durable = t.end
	l.durableBase, l.durableSize = l.active().base, l.active().size
	l.settle()
	l.mu.Unlock()
	l.events.Durable(t.end)
	return true
}

// checkUnchanged sees that nobody has changed the bytes while they were the log's; see ports.Log.
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

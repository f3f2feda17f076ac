package seglog

import (
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
)

// stayDirty notes that these segments could not be opened to be synced.
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
		if err := s.sync(); err != nil {
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

// syncIndexes makes durable the indexes of what was written to the segments, and raises the index point, below which
// recovery believes them, to the recovery point. A failure takes the log offline, as one of Sync does.
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
		if s.indexDirty || s.index.unwritten() || s.timeIndex.unwritten() {
			changed = append(changed, s)
		}
	}
	l.mu.Unlock()
	for _, s := range changed {
		if err := s.flushIndexes(); err != nil {
			return err
		}
		l.mu.Lock()
		s.indexDirty = false
		l.mu.Unlock()
		if err := s.syncIndexes(); err != nil {
			l.mu.Lock()
			s.indexDirty = true // or the next call would take it for synced
			l.mu.Unlock()
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.indexPoint = max(l.indexPoint, point)
	l.indexesBuilt = false
	return nil
}

// checkpoint makes durable what was written to the segments, and then the recovery point.
func (l *Log) checkpoint() error {
	if err := l.Sync(); err != nil {
		return err
	}
	return l.writePoints()
}

// writePoints writes the recovery and index points.
func (l *Log) writePoints() error {
	if err := l.store.writeCheckpoints([]*Log{l}); err != nil {
		return err
	}
	return l.offlineError()
}

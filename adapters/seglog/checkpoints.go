package seglog

import (
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
)

// setCheckpoints names the checkpoint files.
func (s *Store) setCheckpoints() {
	s.points = offsetCheckpoint{
		name: recoveryFile, loss: "damage at the end of a log is cut off, also where acknowledged records were",
	}
	s.indexed = offsetCheckpoint{name: indexFile}
	s.starts = offsetCheckpoint{name: logStartFile, loss: "records that were deleted by DeleteRecords are there again"}
	s.cleaned = offsetCheckpoint{name: cleanerFile}
}

// checkpointFiles are all of them.
func (s *Store) checkpointFiles() []*offsetCheckpoint {
	return []*offsetCheckpoint{&s.points, &s.indexed, &s.starts, &s.cleaned}
}

// readCheckpoints reads what the last run has left.
func (s *Store) readCheckpoints() error {
	for _, c := range s.checkpointFiles() {
		if err := c.read(s.opt.FS, s.opt.Dir, s.opt.Log); err != nil {
			return err
		}
	}
	return nil
}

// points say how much of a log is sound on disk, as offsets.
type points struct {
	recovery int64 // below, records are synced
	index    int64 // below, the indexes are too; not above recovery
}

// storedPoints returns what the checkpoint files say of a log. A crash may have left one of them older than the other.
// Called with the lock held, or before there are others.
func (s *Store) storedPoints(name logName) points {
	return points{recovery: s.points.of[name], index: min(s.indexed.of[name], s.points.of[name])}
}

// indexEvery is how often the journal frees files before the indexes are synced. That takes two syncs for each log. An
// index point that lags behind makes a start after a crash read more of the segments, which is little compared with the
// journal that it has to read anyway.
const indexEvery = 4

// freeing is called when what is in some of the journal's files has been synced, before they are used again.
func (s *Store) freeing() error {
	if s.freed++; s.freed%indexEvery == 0 {
		return s.writeAllCheckpoints(s.opened())
	}
	return s.writeCheckpoints(s.opened())
}

// writeAllCheckpoints is writeCheckpoints with the index points brought up to the recovery points.
func (s *Store) writeAllCheckpoints(logs []*Log) error {
	syncIndexes(logs)
	return s.writeCheckpoints(logs)
}

// syncIndexes syncs the indexes of those logs whose index point is below the recovery point, or whose indexes were
// built from the records. A log whose indexes fail goes offline.
func syncIndexes(logs []*Log) {
	var syncing errgroup.Group
	syncing.SetLimit(journal.SyncsAtOnce)
	for _, l := range logs {
		l.mu.Lock()
		changed := l.offline == nil && (l.indexPoint < l.recoveryPoint || l.indexesBuilt)
		l.mu.Unlock()
		if !changed {
			continue
		}
		syncing.Go(func() error {
			_ = l.syncIndexes() // which takes the log offline; the others go on
			return nil
		})
	}
	_ = syncing.Wait() // nothing fails as a whole
}

// writeCheckpoints writes the recovery and index points of these logs, and all else in the checkpoint files that was
// not written yet.
func (s *Store) writeCheckpoints(logs []*Log) error {
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	s.mu.Lock()
	for _, l := range logs {
		l.mu.Lock()
		if l.offline == nil {
			s.points.set(l.name(), l.recoveryPoint)
			s.indexed.set(l.name(), l.indexPoint)
		}
		l.mu.Unlock()
	}
	s.mu.Unlock()
	return s.writeChanged(s.checkpointFiles()...)
}

// writeChanged writes those of the files that have changed since they were written, as many as it can. Called with
// Store.checkpoints held.
func (s *Store) writeChanged(files ...*offsetCheckpoint) error {
	type version struct {
		of      *offsetCheckpoint
		changed int64
		content []byte
	}
	var fresh []version
	s.mu.Lock()
	for _, c := range files {
		if c.changed > c.written {
			fresh = append(fresh, version{c, c.changed, checkpoint.FormatOffsets(c.of)})
		}
	}
	s.mu.Unlock()
	var placed []version
	var errs []error
	for _, v := range fresh {
		if err := v.of.place(s.opt.FS, s.opt.Dir, v.content); err != nil {
			errs = append(errs, err)
			continue
		}
		placed = append(placed, v)
	}
	if len(placed) == 0 {
		return errors.Join(errs...)
	}
	if err := s.opt.FS.SyncDir(s.opt.Dir); err != nil {
		return errors.Join(append(errs, err)...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range placed {
		v.of.written = v.changed
	}
	return errors.Join(errs...)
}

// dropPoints forgets the points of a log whose files are gone. The files follow with the next checkpoint.
func (s *Store) dropPoints(name logName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.checkpointFiles() {
		c.remove(name)
	}
	delete(s.unchecked, name)
}

// dropCheckpoints removes what a deleted log has left in the checkpoint files, durably, before a new log takes its
// name.
func (s *Store) dropCheckpoints(name logName) error {
	s.dropPoints(name)
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	return s.writeChanged(s.checkpointFiles()...)
}

// writeStart makes a log's start offset durable. Calls that come while the file is being written share the next write.
// After an error the offset may be durable all the same, or become so.
func (s *Store) writeStart(l *Log, start int64) error {
	s.mu.Lock()
	if gone := l.offlineError(); gone != nil {
		s.mu.Unlock()
		return gone
	}
	s.starts.set(l.name(), max(s.starts.of[l.name()], start))
	mine := s.starts.changed
	s.mu.Unlock()

	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	s.mu.Lock()
	done := s.starts.written >= mine
	s.mu.Unlock()
	if done {
		return nil
	}
	return s.writeChanged(&s.starts)
}

// forgetStart takes back what a failed writeStart has left, before the log is truncated below it. The caller sees to it
// that the start does not rise meanwhile.
func (s *Store) forgetStart(l *Log) {
	start := l.StartOffset()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.starts.of[l.name()] > start {
		s.starts.set(l.name(), start)
	}
}

// resetCheckpoints notes, durably, that a log is empty and starts at start.
func (s *Store) resetCheckpoints(name logName, start int64) error {
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	s.mu.Lock()
	for _, c := range []*offsetCheckpoint{&s.points, &s.indexed, &s.starts} {
		c.set(name, start)
	}
	s.cleaned.remove(name)
	s.mu.Unlock()
	return s.writeChanged(s.checkpointFiles()...)
}

// cleanedTo returns up to where a log was compacted.
func (s *Store) cleanedTo(name logName) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cleaned.of[name]
}

// writeCleaned notes up to where a log was compacted.
func (s *Store) writeCleaned(l *Log, to int64) error {
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	s.mu.Lock()
	if gone := l.offlineError(); gone != nil {
		s.mu.Unlock()
		return gone
	}
	s.cleaned.set(l.name(), to)
	s.mu.Unlock()
	return s.writeChanged(&s.cleaned)
}

package seglog

import (
	"errors"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/adapters/seglog/journal"
)

// readCheckpoints reads what the last run has left, and takes away the mark of a clean stop.
func (s *Store) readCheckpoints() error {
	path := func(name string) string { return filepath.Join(s.opt.Dir, name) }
	read := func(name string) (map[logName]int64, error) {
		content, err := readFile(s.opt.FS, path(name))
		if err != nil {
			return nil, err
		}
		offsets, err := parseOffsets(content)
		if err != nil {
			s.opt.Log.Warn("checkpoint is passed over", "file", path(name), "err", err)
			return make(map[logName]int64), nil
		}
		return offsets, nil
	}
	var err error
	if s.points, err = read(recoveryFile); err != nil {
		return err
	}
	if s.starts, err = read(logStartFile); err != nil {
		return err
	}
	if s.cleaned, err = read(cleanerFile); err != nil {
		return err
	}
	clean, err := s.opt.FS.Exists(path(cleanShutdownFile))
	if err != nil {
		return err
	}
	s.unclean = !clean
	if !clean {
		return nil
	}
	if err := s.opt.FS.Remove(path(cleanShutdownFile)); err != nil {
		return err
	}
	return s.opt.FS.SyncDir(s.opt.Dir)
}

// writeCheckpoints writes the recovery points of these logs. Below its recovery point a log's records and indexes are
// durable.
func (s *Store) writeCheckpoints(logs []*Log) error {
	return s.writePoints(syncedPoints(logs))
}

// syncedPoints syncs the indexes of those logs whose recovery point is not on disk, and returns the points that are true then.
func syncedPoints(logs []*Log) map[*Log]int64 {
	var mu sync.Mutex
	points := make(map[*Log]int64, len(logs))
	var syncing errgroup.Group
	syncing.SetLimit(journal.SyncsAtOnce)
	for _, l := range logs {
		l.mu.Lock()
		point := l.recoveryPoint
		changed := l.offline == nil && point != l.checkpointed
		l.mu.Unlock()
		if !changed {
			continue
		}
		syncing.Go(func() error {
			if err := l.syncIndexes(); err != nil {
				l.fail(err)
				return nil // the log is offline for it; the others go on
			}
			mu.Lock()
			defer mu.Unlock()
			points[l] = point
			return nil
		})
	}
	_ = syncing.Wait() // nothing fails as a whole
	return points
}

// writePoints writes recovery points, and takes deleted logs out of the checkpoint files.
func (s *Store) writePoints(points map[*Log]int64) error {
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	s.mu.Lock()
	buried := len(s.dead)
	for name := range s.dead {
		delete(s.points, name)
		delete(s.starts, name)
		delete(s.cleaned, name)
	}
	for l, point := range points {
		l.mu.Lock()
		if l.offline == nil {
			// Somebody who came later may have written a higher one, on which a gap in the log relies; or the log was truncated.
			point = min(max(point, l.checkpointed), l.recoveryPoint)
			s.points[l.name()], l.checkpointed = point, point
		}
		l.mu.Unlock()
	}
	offsets, starts, cleaned := formatOffsets(s.points), formatOffsets(s.starts), formatOffsets(s.cleaned)
	clear(s.dead)
	s.mu.Unlock()
	if len(points) == 0 && buried == 0 {
		return nil
	}
	err := s.replaceCheckpoint(recoveryFile, offsets)
	if buried > 0 {
		err = errors.Join(err, s.replaceCheckpoint(logStartFile, starts), s.replaceCheckpoint(cleanerFile, cleaned))
	}
	if err != nil {
		for l := range points {
			l.mu.Lock()
			l.checkpointed = -1
			l.mu.Unlock()
		}
	}
	return err
}

func (s *Store) replaceCheckpoint(name string, content []byte) error {
	return replaceFile(s.opt.FS, filepath.Join(s.opt.Dir, name), content)
}

// dropCheckpoints takes what a deleted log has left out of the checkpoint files, durably, before a new one has its
// name.
func (s *Store) dropCheckpoints(name logName) error {
	s.mu.Lock()
	_, dead := s.dead[name]
	_, a := s.points[name]
	_, b := s.starts[name]
	_, c := s.cleaned[name]
	if a || b || c || dead {
		s.dead[name] = struct{}{}
	}
	s.mu.Unlock()
	if !a && !b && !c && !dead {
		return nil
	}
	return s.writeCheckpoints(nil)
}

// writeStart makes a log's start offset durable. Who comes while the file is being written is served by the next writing together.
func (s *Store) writeStart(l *Log, start int64) error {
	s.mu.Lock()
	if gone := l.offlineError(); gone != nil {
		s.mu.Unlock()
		return gone
	}
	s.starts[l.name()] = max(s.starts[l.name()], start)
	s.startsRaised++
	mine := s.startsRaised
	s.mu.Unlock()

	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	s.mu.Lock()
	if s.startsWritten >= mine {
		s.mu.Unlock()
		return nil
	}
	raised, content := s.startsRaised, formatOffsets(s.starts)
	s.mu.Unlock()
	if err := s.replaceCheckpoint(logStartFile, content); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.startsWritten = raised
	return nil
}

// resetCheckpoints notes, durably, that a log begins anew at start.
func (s *Store) resetCheckpoints(name logName, start int64) error {
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	s.mu.Lock()
	s.points[name], s.starts[name] = start, start
	delete(s.cleaned, name)
	points, starts, cleaned := formatOffsets(s.points), formatOffsets(s.starts), formatOffsets(s.cleaned)
	s.mu.Unlock()
	return errors.Join(
		s.replaceCheckpoint(recoveryFile, points), s.replaceCheckpoint(logStartFile, starts), s.replaceCheckpoint(cleanerFile, cleaned),
	)
}

// cleanedTo returns up to where a log was compacted.
func (s *Store) cleanedTo(name logName) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cleaned[name]
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
	s.cleaned[l.name()] = to
	content := formatOffsets(s.cleaned)
	s.mu.Unlock()
	return replaceFile(s.opt.FS, filepath.Join(s.opt.Dir, cleanerFile), content)
}

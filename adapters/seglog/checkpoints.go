package seglog

import (
	"errors"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
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
	if s.indexed, err = read(indexFile); err != nil {
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

// points say how much of a log is sound on disk, as offsets.
type points struct {
	recovery int64 // below, records are synced
	index    int64 // below, the indexes are too; not above recovery
}

// storedPoints returns what the checkpoint files say of a log. A crash may have left one of them older than the other. Called with
// the lock held, or before there are others.
func (s *Store) storedPoints(name logName) points {
	return points{recovery: s.points[name], index: min(s.indexed[name], s.points[name])}
}

// indexEvery is how often the journal frees files before the indexes are synced. That takes two syncs for each log, and one that lags behind
// has a start after a crash read more of the segments, which is little beside the journal that it has to read anyway.
const indexEvery = 4

// freeing is called when what is in some of the journal's files has been synced, before they are used anew.
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

// syncIndexes syncs the indexes of those logs in which more is synced than in their indexes, or may be. A log whose indexes fail goes offline.
func syncIndexes(logs []*Log) {
	var syncing errgroup.Group
	syncing.SetLimit(journal.SyncsAtOnce)
	for _, l := range logs {
		l.mu.Lock()
		changed := l.offline == nil && (l.indexPoint < l.recoveryPoint || l.checkpointed < 0)
		l.mu.Unlock()
		if !changed {
			continue
		}
		syncing.Go(func() error {
			if err := l.syncIndexes(); err != nil && !disk.Passing(err) { // else the index point stays where it is
				l.fail(err)
			}
			return nil // the others go on
		})
	}
	_ = syncing.Wait() // nothing fails as a whole
}

// writeCheckpoints writes the recovery and index points of these logs, and takes deleted logs out of the checkpoint files.
func (s *Store) writeCheckpoints(logs []*Log) error {
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	s.mu.Lock()
	buried := len(s.dead)
	for name := range s.dead {
		delete(s.points, name)
		delete(s.indexed, name)
		delete(s.starts, name)
		delete(s.cleaned, name)
	}
	var changed []*Log
	indexes := false
	for _, l := range logs {
		l.mu.Lock()
		indexed := l.indexPoint != s.indexed[l.name()] || l.checkpointed < 0
		if l.offline == nil && (indexed || l.recoveryPoint != l.checkpointed) {
			changed = append(changed, l)
			indexes = indexes || indexed
			s.points[l.name()], s.indexed[l.name()], l.checkpointed = l.recoveryPoint, l.indexPoint, l.recoveryPoint
		}
		l.mu.Unlock()
	}
	var files []checkpoint
	if len(changed) > 0 || buried > 0 {
		files = append(files, checkpoint{recoveryFile, formatOffsets(s.points)})
	}
	if indexes || buried > 0 {
		files = append(files, checkpoint{indexFile, formatOffsets(s.indexed)})
	}
	if buried > 0 {
		files = append(files, checkpoint{logStartFile, formatOffsets(s.starts)}, checkpoint{cleanerFile, formatOffsets(s.cleaned)})
	}
	clear(s.dead)
	s.mu.Unlock()
	err := s.replaceCheckpoints(files)
	if err != nil {
		for _, l := range changed {
			l.mu.Lock()
			l.checkpointed = -1
			l.mu.Unlock()
		}
	}
	return err
}

// checkpoint is a checkpoint file's name and new content.
type checkpoint struct {
	name    string
	content []byte
}

// replaceCheckpoints replaces all files that it can.
func (s *Store) replaceCheckpoints(files []checkpoint) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, s.replaceCheckpoint(f.name, f.content))
	}
	return errors.Join(errs...)
}

func (s *Store) replaceCheckpoint(name string, content []byte) error {
	return replaceFile(s.opt.FS, filepath.Join(s.opt.Dir, name), content)
}

// dropCheckpoints takes what a deleted log has left out of the checkpoint files, durably, before a new one has its
// name.
func (s *Store) dropCheckpoints(name logName) error {
	s.mu.Lock()
	_, dead := s.dead[name]
	known := dead
	for _, offsets := range []map[logName]int64{s.points, s.indexed, s.starts, s.cleaned} {
		_, in := offsets[name]
		known = known || in
	}
	if known {
		s.dead[name] = struct{}{}
	}
	s.mu.Unlock()
	if !known {
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
	s.points[name], s.indexed[name], s.starts[name] = start, start, start
	delete(s.cleaned, name)
	files := []checkpoint{
		{recoveryFile, formatOffsets(s.points)},
		{indexFile, formatOffsets(s.indexed)},
		{logStartFile, formatOffsets(s.starts)},
		{cleanerFile, formatOffsets(s.cleaned)},
	}
	s.mu.Unlock()
	return s.replaceCheckpoints(files)
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

package seglog

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// doomed is a file or directory to be removed.
type doomed struct {
	path string
	when time.Time
}

// removeAgain is when the removal of a file is tried again that has failed.
const removeAgain = time.Minute

// longestName is how many bytes a file's name may have (NAME_MAX).
const longestName = 255

// Delete takes the log away; see ports.LogStore.
func (s *Store) Delete(_ context.Context, id ports.LogID) error {
	place, err := s.slot(id)
	if err != nil {
		return err
	}
	defer s.leave(place)
	place.mu.Lock()
	defer place.mu.Unlock()
	dir := s.dirOf(logName{id.Topic, id.Partition})
	if s.isClosed() {
		return errClosed
	}
	l := place.log.Load()
	if l == nil || l.id.TopicID != id.TopicID {
		if stored, err := s.storedID(dir); err != nil || stored == nil || *stored != id.TopicID {
			return err
		}
	}
	delay := time.Duration(0)
	if l != nil {
		delay = l.close(fault.New(fault.KafkaStorageError, "log of %s was deleted", l.name()))
		place.log.Store(nil)
	}
	s.doubt(place.name) // its files stay as they are if they cannot be renamed
	if err := s.discard(dir, delay); err != nil {
		return err
	}
	return s.journal.Taken(id)
}

// close ends a log for good, waiting for what is being written to its files, and returns how long these are to be kept.
// The journal may still be writing what it has taken: its bytes are released when that is done.
func (l *Log) close(reason error) time.Duration {
	l.mu.Lock()
	if l.offline == nil {
		l.offline = reason
	}
	l.deleted = true
	delay := l.config.FileDeleteDelay
	l.settle()
	l.mu.Unlock()
	// Who works on the files stops soon; nobody begins to.
	l.awaitCompaction()
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	l.writing.Lock()
	defer l.writing.Unlock()
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.store.journal.Forget(l)
	l.tellEnd()
	return delay
}

// discard renames a log's directory, so that it is gone for all purposes, and has it removed after a delay.
func (s *Store) discard(dir string, delay time.Duration) error {
	when := time.Now()
	ending := fmt.Sprintf(".%032x-delete", when.UnixNano())
	name := filepath.Base(dir)
	away := filepath.Join(s.opt.Dir, name[:min(len(name), longestName-len(ending))]+ending)
	if err := s.opt.FS.Rename(dir, away); err != nil {
		return err
	}
	s.files.forgetDir(dir)
	if log, ok := parseLogName(name); ok {
		s.bury(log)
	}
	s.doom(away, when.Add(delay))
	return s.opt.FS.SyncDir(s.opt.Dir)
}

// doom has a path removed at a later time.
func (s *Store) doom(path string, when time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doomed = append(s.doomed, doomed{path, when})
}

// removeLeftovers removes the directories of logs that an earlier run has deleted.
func (s *Store) removeLeftovers(ctx context.Context) {
	names, err := s.opt.FS.ReadDir(s.opt.Dir)
	if err != nil {
		return
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return
		}
		if strings.HasSuffix(name, "-delete") {
			s.doom(filepath.Join(s.opt.Dir, name), time.Time{})
		}
	}
}

// removeDoomed removes what is due, and everything when there is no space for new records.
func (s *Store) removeDoomed(now time.Time) {
	full := s.opt.Space.Refusal() != nil
	s.mu.Lock()
	var due []string
	kept := s.doomed[:0]
	for _, d := range s.doomed {
		if d.when.After(now) && !full {
			kept = append(kept, d)
		} else {
			due = append(due, d.path)
		}
	}
	s.doomed = kept
	s.mu.Unlock()
	for _, path := range due {
		if err := s.opt.FS.Remove(path); err != nil {
			s.opt.Log.Error("deleted file cannot be removed", "path", path, "err", err)
			s.doom(path, now.Add(removeAgain))
		}
	}
}

package seglog

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// removal is a file or directory to be removed.
type removal struct {
	path string
	when time.Time
}

// removeRetry is when the removal of a file is tried again that has failed.
const removeRetry = time.Minute

// longestName is how many bytes a file's name may have (NAME_MAX).
const longestName = 255

// Delete deletes the log; see ports.LogStore.
func (s *Store) Delete(_ context.Context, id ports.LogID) error {
	slot, err := s.slot(id)
	if err != nil {
		return err
	}
	defer s.leave(slot)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	dir := s.dirOf(nameOf(id))
	if s.isClosed() {
		return errClosed
	}
	l := slot.log.Load()
	if l == nil || l.id.TopicID != id.TopicID {
		if stored, err := s.storedID(dir); err != nil || stored == nil || *stored != id.TopicID {
			return err
		}
	}
	delay := time.Duration(0)
	if l != nil {
		delay = l.close(fault.New(fault.KafkaStorageError, "log of %s was deleted", l.name()))
		slot.log.Store(nil)
	}
	s.markUnchecked(slot.name) // its files stay as they are if they cannot be renamed
	if err := s.discard(dir, delay); err != nil {
		return err
	}
	return s.journal.Taken(id)
}

// close ends a log for good. It waits for what is being written to its files, and returns how long these are to be
// kept. The journal may still be writing what it has taken: the callers' bytes are released when that is done.
func (l *Log) close(reason error) time.Duration {
	l.mu.Lock()
	if l.offline == nil {
		l.offline = reason
	}
	l.deleted = true
	delay := l.config.FileDeleteDelay
	l.wakeWaiting()
	l.mu.Unlock()
	// What works on the files stops soon, and nothing new begins.
	l.awaitCompaction()
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	l.writing.Lock()
	defer l.writing.Unlock()
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.store.journal.Forget(l)
	l.announceEnd()
	return delay
}

// discard renames a log's directory, which deletes the log, and has it removed after a delay.
func (s *Store) discard(dir string, delay time.Duration) error {
	when := time.Now()
	ending := fmt.Sprintf(".%032x-delete", when.UnixNano())
	name := filepath.Base(dir)
	away := filepath.Join(s.opt.Dir, name[:min(len(name), longestName-len(ending))]+ending)
	if err := s.opt.FS.Rename(dir, away); err != nil {
		return err
	}
	s.files.ForgetDir(dir)
	if log, ok := checkpoint.ParseLogName(name); ok {
		s.dropPoints(log)
	}
	s.removeAt(away, when.Add(delay))
	return s.opt.FS.SyncDir(s.opt.Dir)
}

// removeAt has a path removed at a later time.
func (s *Store) removeAt(path string, when time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removals = append(s.removals, removal{path, when})
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
			s.removeAt(filepath.Join(s.opt.Dir, name), time.Time{})
		}
	}
}

// removeDue removes what is due, and everything when there is no space for new records.
func (s *Store) removeDue(now time.Time) {
	full := s.opt.Space.Refusal() != nil
	s.mu.Lock()
	var due []string
	kept := s.removals[:0]
	for _, d := range s.removals {
		if d.when.After(now) && !full {
			kept = append(kept, d)
		} else {
			due = append(due, d.path)
		}
	}
	s.removals = kept
	s.mu.Unlock()
	for _, path := range due {
		if err := s.opt.FS.Remove(path); err != nil {
			s.opt.Log.Error("deleted file cannot be removed", "path", path, "err", err)
			s.removeAt(path, now.Add(removeRetry))
		}
	}
}

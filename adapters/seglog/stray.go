package seglog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// SetAside removes a log from the store and keeps its files under another name; see ports.LogStore. They hold what the
// journal had of the log: Open has replayed that, except for what the journal still carries.
func (s *Store) SetAside(_ context.Context, id ports.LogID) (string, error) {
	slot, err := s.slot(id)
	if err != nil {
		return "", err
	}
	defer s.leave(slot)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	name := nameOf(id)
	dir := s.dirOf(name)
	switch {
	case s.isClosed():
		return "", errClosed
	case slot.log.Load() != nil:
		return "", fault.New(fault.KafkaStorageError, "log of %s-%d is open", id.Topic, id.Partition)
	}
	stored, err := s.storedID(dir)
	if err != nil || stored == nil || *stored != id.TopicID {
		return "", err
	}
	if s.journal.Carries(id) {
		if err := s.storeCarried(id); err != nil {
			return "", fault.New(fault.KafkaStorageError, "recover the log of %s: %w", name, err)
		}
	}
	ending := fmt.Sprintf(".%032x-stray", time.Now().UnixNano())
	base := filepath.Base(dir)
	away := base[:min(len(base), longestName-len(ending))] + ending
	if err := s.opt.FS.Rename(dir, filepath.Join(s.opt.Dir, away)); err != nil {
		return "", err
	}
	s.files.ForgetDir(dir)
	return away, s.opt.FS.SyncDir(s.opt.Dir)
}

// storeCarried writes what the journal carries for a log into its directory: into unappliedFile where the segments
// cannot be written.
func (s *Store) storeCarried(id ports.LogID) error {
	err := s.recoverCarried(id)
	if err == nil || disk.Passing(err) {
		return err
	}
	l := s.empty(id, &ports.LogConfig{}, nil, nil)
	keep := func(e journal.Entry) error { return l.keepUnapplied(e.Payload) }
	if failed := s.journal.Carried(id, keep); failed != nil {
		return errors.Join(err, failed)
	}
	return s.journal.Taken(id)
}

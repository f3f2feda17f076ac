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

// SetAside takes a log away and keeps its files; see ports.LogStore. What the journal held of it is in them: Open has
// seen to that, but for what it has kept.
func (s *Store) SetAside(_ context.Context, id ports.LogID) (string, error) {
	place, err := s.slot(id)
	if err != nil {
		return "", err
	}
	defer s.leave(place)
	place.mu.Lock()
	defer place.mu.Unlock()
	name := logName{id.Topic, id.Partition}
	dir := s.dirOf(name)
	switch {
	case s.isClosed():
		return "", errClosed
	case place.log.Load() != nil:
		return "", fault.New(fault.KafkaStorageError, "log of %s-%d is open", id.Topic, id.Partition)
	}
	stored, err := s.storedID(dir)
	if err != nil || stored == nil || *stored != id.TopicID {
		return "", err
	}
	if s.journal.Carries(id) {
		if err := s.takeCarried(id); err != nil {
			return "", fault.New(fault.KafkaStorageError, "bring the log of %s in order: %w", name, err)
		}
	}
	ending := fmt.Sprintf(".%032x-stray", time.Now().UnixNano())
	base := filepath.Base(dir)
	away := base[:min(len(base), longestName-len(ending))] + ending
	if err := s.opt.FS.Rename(dir, filepath.Join(s.opt.Dir, away)); err != nil {
		return "", err
	}
	s.files.forgetDir(dir)
	return away, s.opt.FS.SyncDir(s.opt.Dir)
}

// takeCarried brings what the journal has kept for a log into its directory: beside the segments where these cannot be
// written.
func (s *Store) takeCarried(id ports.LogID) error {
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

package seglog

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// SetAside takes a log away and keeps its files; see ports.LogStore. What the journal held of it is in them: Open has seen to that.
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
	ending := fmt.Sprintf(".%032x-stray", time.Now().UnixNano())
	base := filepath.Base(dir)
	away := base[:min(len(base), longestName-len(ending))] + ending
	if err := s.opt.FS.Rename(dir, filepath.Join(s.opt.Dir, away)); err != nil {
		return "", err
	}
	s.files.forgetDir(dir)
	return away, s.opt.FS.SyncDir(s.opt.Dir)
}

package seglog

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// Open opens the partition's log; see ports.LogStore.
func (s *Store) Open(
	ctx context.Context, id ports.LogID, cfg *ports.LogConfig, state *partition.State, events ports.LogEvents,
) (ports.Log, error) {
	slot, err := s.slot(id)
	if err != nil {
		return nil, err
	}
	defer s.leave(slot)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if s.isClosed() {
		return nil, errClosed
	}
	if slot.log.Load() != nil {
		return nil, fault.New(fault.KafkaStorageError, "log of %s-%d is open already", id.Topic, id.Partition)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := s.empty(id, cfg, state, events)
	stored, err := s.storedID(l.dir)
	switch {
	case err != nil:
	case stored != nil && *stored == id.TopicID && !slot.halfCreated:
		if s.journal.Carries(id) {
			err = s.recoverCarried(id)
		}
		if err == nil {
			err = l.reopen()
		}
	default:
		if stored != nil { // left of a topic that had the same name, or half created
			err = s.discard(l.dir, cfg.FileDeleteDelay)
		}
		if err == nil {
			err = s.dropCheckpoints(l.name())
		}
		if err == nil {
			s.markUnchecked(l.name())
			err = l.create()
			slot.halfCreated = err != nil
		}
	}
	if err != nil {
		return nil, fault.New(fault.KafkaStorageError, "open log of %s: %w", l.name(), err)
	}
	s.markChecked(l.name())
	slot.log.Store(l)
	l.noteOpened()
	return l, nil
}

// reopen loads a log that an earlier run has left, or that could not be opened before in this one.
func (l *Log) reopen() error {
	s, name := l.store, l.name()
	s.mu.Lock()
	sound, start := s.storedPoints(name), s.starts.of[name]
	_, scan := s.unchecked[name]
	s.unchecked[name] = struct{}{} // until it is known to be whole
	s.mu.Unlock()
	snapshots, err := l.load(sound, start, scan)
	if err != nil {
		return err
	}
	epochs, err := l.loadState(snapshots)
	if err != nil {
		return err
	}
	l.state.RestoreEpochs(epochs)
	if l.floor != 0 { // it belongs to a journal that was replayed, and groups may count from 1 again
		l.floor = 0
		if err := l.removeFloor(); err != nil {
			return err
		}
	}
	if scan { // what was written and not synced before the crash can be read from now on
		return l.Sync()
	}
	return nil
}

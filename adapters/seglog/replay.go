package seglog

import (
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/ports"
)

// recovery applies what the journal holds to the logs: to all of them before the store is open, and to one that could
// not take its entries then when it is opened.
type recovery struct {
	store  *Store
	logs   map[logName]*replaying
	needed map[ports.LogID]error // logs that could not take their entries, and why: the journal has to keep these
}

func newRecovery(s *Store) *recovery {
	return &recovery{store: s, logs: make(map[logName]*replaying), needed: make(map[ports.LogID]error)}
}

// apply applies one entry to its log. If that fails the journal has to keep the log's entries; the other logs go on.
func (r *recovery) apply(e journal.Entry) error {
	if _, needed := r.needed[e.ID]; needed {
		return nil
	}
	l, err := r.log(e.ID)
	if err == nil && l != nil {
		err = l.take(e)
	}
	if err != nil {
		r.leave(e.ID, err)
	}
	return nil
}

// log returns the log of an entry, loaded; nil when the topic was deleted.
func (r *recovery) log(id ports.LogID) (*replaying, error) {
	name, s := nameOf(id), r.store
	if l := r.logs[name]; l != nil {
		if l.id != id {
			return nil, nil
		}
		return l, nil
	}
	l := s.empty(id, &ports.LogConfig{}, nil, nil)
	stored, err := s.storedID(l.dir)
	if err != nil || stored == nil || *stored != id.TopicID {
		return nil, err
	}
	s.mu.Lock()
	sound, start := s.storedPoints(name), s.starts.of[name]
	s.mu.Unlock()
	if _, err := l.load(sound, start, true); err != nil {
		return nil, err
	}
	r.logs[name] = &replaying{Log: l, synced: sound.recovery}
	return r.logs[name], nil
}

// leave leaves a log's entries to the journal, for the log to take when it is opened.
func (r *recovery) leave(id ports.LogID, err error) {
	r.needed[id] = err
	r.store.markUnchecked(nameOf(id))
	delete(r.logs, nameOf(id))
	r.store.opt.Log.Error("log cannot be recovered yet, the journal keeps what it needs", "topic", id.Topic,
		"partition", id.Partition, "err", err)
}

// finish makes durable what apply has done. It returns the logs of which the journal has to keep the entries.
func (r *recovery) finish() (map[ports.LogID]error, error) {
	var logs []*Log
	for name, l := range r.logs {
		if err := l.finish(); err != nil {
			r.leave(l.id, err)
			continue
		}
		if l.offline != nil {
			r.store.markUnchecked(name)
			continue
		}
		logs = append(logs, l.Log)
		r.store.markChecked(name)
	}
	// The floors are of no use when the journal is empty, and Open of the logs removes them.
	return r.needed, r.store.writeAllCheckpoints(logs)
}

// recoverCarried applies to a log what the journal has kept for it since the start.
func (s *Store) recoverCarried(id ports.LogID) error {
	r := newRecovery(s)
	if err := s.journal.Carried(id, r.apply); err != nil {
		return err
	}
	if _, err := r.finish(); err != nil {
		return err
	}
	if err := r.needed[id]; err != nil {
		return err
	}
	if l := r.logs[nameOf(id)]; l != nil {
		// The file that was kept may hold entries of other logs, and be replayed once more.
		if err := l.writeFloor(s.journal.Group()); err != nil {
			return err
		}
	}
	return s.journal.Taken(id)
}

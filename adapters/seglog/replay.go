package seglog

import (
	"path/filepath"
	"strconv"

	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/ports"
)

// recovery brings logs in order from the journal: all of them before the store is open, one that could not
// be then when it is opened.
type recovery struct {
	store  *Store
	logs   map[logName]*replaying
	needed map[ports.LogID]error // logs that could not take their entries, and why: the journal has to keep these
}

func newRecovery(s *Store) *recovery {
	return &recovery{store: s, logs: make(map[logName]*replaying), needed: make(map[ports.LogID]error)}
}

// apply brings one entry into its log. A log that cannot take it goes on needing it; the others go on.
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
	name, s := logName{id.Topic, id.Partition}, r.store
	if l := r.logs[name]; l != nil {
		if l.id != id {
			return nil, nil
		}
		return l, nil
	}
	l := s.empty(id, &ports.LogConfig{}, nil, nil)
	stored, err := s.storedID(l.dir())
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
	r.store.doubt(logName{id.Topic, id.Partition})
	delete(r.logs, logName{id.Topic, id.Partition})
	r.store.opt.Log.Error("log cannot be recovered yet, the journal keeps what it needs", "topic", id.Topic,
		"partition", id.Partition, "err", err)
}

// settle makes durable what apply has done. It returns the logs of which the journal has to keep the entries.
func (r *recovery) settle() (map[ports.LogID]error, error) {
	var logs []*Log
	for name, l := range r.logs {
		if err := l.finish(); err != nil {
			r.leave(l.id, err)
			continue
		}
		if l.offline != nil {
			r.store.doubt(name)
			continue
		}
		logs = append(logs, l.Log)
		r.store.trust(name)
	}
	// The floors are of no use when the journal is empty, and Open of the logs removes them.
	return r.needed, r.store.writeAllCheckpoints(logs)
}

// recoverCarried brings a log in order for which the journal has kept something since the start.
func (s *Store) recoverCarried(id ports.LogID) error {
	r := newRecovery(s)
	if err := s.journal.Carried(id, r.apply); err != nil {
		return err
	}
	if _, err := r.settle(); err != nil {
		return err
	}
	if err := r.needed[id]; err != nil {
		return err
	}
	if l := r.logs[logName{id.Topic, id.Partition}]; l != nil {
		// What was kept may stay for the sake of other logs, and be replayed once more.
		if err := l.writeFloor(s.journal.Group()); err != nil {
			return err
		}
	}
	return s.journal.Taken(id)
}

// floorFile says up to which group the journal's entries are from before a truncation.
const floorFile = "journal-floor"

func (l *Log) readFloor() error {
	content, err := readFile(l.store.opt.FS, filepath.Join(l.dir(), floorFile))
	if err != nil || content == nil {
		return err
	}
	l.floor, err = strconv.ParseUint(string(content), 10, 64)
	return err
}

// writeFloor has the next replay pass over what the journal holds of the log, up to a group.
func (l *Log) writeFloor(group uint64) error {
	return replaceFile(l.store.opt.FS, filepath.Join(l.dir(), floorFile), strconv.AppendUint(nil, group, 10))
}

// forgetFloor removes the floor, durably: it belongs to a journal that was replayed, and groups may count from 1 again.
func (l *Log) forgetFloor() error {
	if l.floor == 0 {
		return nil
	}
	l.floor = 0
	if err := l.store.opt.FS.Remove(filepath.Join(l.dir(), floorFile)); err != nil {
		return err
	}
	return l.store.opt.FS.SyncDir(l.dir())
}

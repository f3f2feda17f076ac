package seglog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// recovery brings logs in order from the journal: all of them before the store is open, one that could not be then when it is opened.
type recovery struct {
	store  *Store
	logs   map[logName]*replaying
	needed map[ports.LogID]error // logs that could not take their entries, and why: the journal has to keep these
}

func newRecovery(s *Store) *recovery {
	return &recovery{store: s, logs: make(map[logName]*replaying), needed: make(map[ports.LogID]error)}
}

// replaying is a log that takes its entries.
type replaying struct {
	*Log
	damaged *journal.Entry // the last one; what comes next may tell that its records are in the segments. nil for none
}

// apply brings one entry into its log. A log that cannot take it goes on needing it; the others go on.
func (r *recovery) apply(e journal.Entry) error {
	if r.needed[e.ID] != nil {
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
	l := s.empty(id, &ports.LogConfig{}, nil)
	stored, err := s.storedID(l.dir())
	if err != nil || stored == nil || *stored != id.TopicID {
		return nil, err
	}
	s.mu.Lock()
	sound, start := s.storedPoints(name), s.starts[name]
	s.mu.Unlock()
	if err := l.load(sound, start, true); err != nil {
		return nil, err
	}
	r.logs[name] = &replaying{Log: l}
	return r.logs[name], nil
}

// leave leaves a log's entries to the journal, for the log to take when it is opened.
func (r *recovery) leave(id ports.LogID, err error) {
	r.needed[id] = err
	delete(r.logs, logName{id.Topic, id.Partition})
	r.store.opt.Log.Error("log cannot be recovered yet, the journal keeps what it needs", "topic", id.Topic, "partition", id.Partition, "err", err)
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
			continue
		}
		logs = append(logs, l.Log)
		r.store.mu.Lock()
		r.store.recovered[name] = true
		r.store.mu.Unlock()
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

// take brings an entry into the log. What cannot be applied, because it is damaged or does not follow, is set aside. An error
// says that the log, or what is set aside, cannot be written.
func (l *replaying) take(e journal.Entry) error {
	if e.Group <= l.floor {
		return nil // from before a truncation
	}
	if d := l.damaged; d != nil && l.offline == nil {
		l.damaged = nil
		if e.Previous > l.end { // else its records are in the segments
			if err := l.setAside(*d, errDamagedEntry); err != nil {
				return err
			}
		}
	}
	switch {
	case l.offline != nil:
		return l.setAside(e, l.offline)
	case e.Damaged:
		e.Payload = slices.Clone(e.Payload)
		l.damaged = &e
		return nil
	}
	fresh, err := l.following(e)
	if err != nil {
		return l.setAside(e, err)
	}
	return l.append(fresh)
}

// finish makes durable what the log has taken.
func (l *replaying) finish() error {
	if l.damaged != nil && l.offline == nil {
		return l.setAside(*l.damaged, errDamagedEntry)
	}
	if l.offline != nil {
		return nil
	}
	l.mu.Lock()
	l.active().markTime()
	s := l.active()
	l.mu.Unlock()
	return errors.Join(l.flushIndexes(s), l.Sync())
}

var errDamagedEntry = fault.New(fault.CorruptMessage, "the journal's entry is damaged")

// setAside saves an entry that cannot be applied, durably. The log is offline from then on, over restarts, until somebody has seen to it.
func (l *replaying) setAside(e journal.Entry, why error) error {
	l.offline = why
	l.store.opt.Log.Error("journal entry cannot be applied, the log stays offline", "topic", l.id.Topic, "partition", l.id.Partition,
		"offset", e.BaseOffset, "log_end", l.end, "set_aside_in", filepath.Join(l.dir(), unappliedFile), "err", why)
	return l.keepUnapplied(e.Payload)
}

// following returns the batches of an entry that follow the log's end: what is there already is passed over. An error says that there is a hole
// before them.
func (l *Log) following(e journal.Entry) (fresh []record.Batch, err error) {
	previous := e.Previous
	for rest := e.Payload; len(rest) > 0; {
		var b record.Batch
		if b, rest, err = record.Next(rest); err != nil {
			return nil, err
		}
		follows := previous <= l.end && b.BaseOffset() >= l.stored
		previous = b.NextOffset()
		switch {
		case b.NextOffset() <= l.end:
			continue
		case !follows:
			return nil, fmt.Errorf("entry at offset %d, the log ends at %d", b.BaseOffset(), l.end)
		}
		fresh = append(fresh, slices.Clone(b))
		l.end = b.NextOffset()
		l.stored = l.end
	}
	return fresh, nil
}

// append writes batches that were missing.
func (l *replaying) append(fresh []record.Batch) error {
	if len(fresh) == 0 {
		return nil
	}
	if err := l.writeBatches(fresh); err != nil {
		return err
	}
	l.written, l.durable = l.end, l.end
	l.durableBase, l.durableSize = l.active().base, l.active().size
	return nil
}

// unappliedFile holds entries of the journal that could not be applied to the log: its presence keeps the log offline.
const unappliedFile = "unapplied.batches"

// keepUnapplied saves the batches of an entry, durably.
func (l *Log) keepUnapplied(payload []byte) error {
	path := filepath.Join(l.dir(), unappliedFile)
	f, err := l.store.opt.FS.Open(path, true)
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil {
		_, err = f.WriteAt(payload, size)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), l.store.opt.FS.SyncDir(l.dir()))
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

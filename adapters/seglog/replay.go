package seglog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// recovery brings logs in order from the journal, before the store is open.
type recovery struct {
	store *Store
	logs  map[logName]*Log
}

// apply brings one entry into its log. A log that cannot take it goes offline; the others go on.
func (r *recovery) apply(e journal.Entry) error {
	name := logName{e.ID.Topic, e.ID.Partition}
	l, known := r.logs[name]
	if !known {
		l = r.store.empty(e.ID, &ports.LogConfig{}, nil)
		stored, err := r.store.storedID(l.dir())
		if err != nil {
			return err
		}
		if stored == nil || *stored != e.ID.TopicID {
			return nil // the topic was deleted
		}
		if err := l.load(r.store.storedPoints(name), r.store.starts.of[name], true); err != nil {
			l.offline = err
			r.store.opt.Log.Error("log cannot be recovered", "topic", name.topic, "partition", name.partition, "err", err)
		}
		r.logs[name] = l
	}
	if l.id.TopicID != e.ID.TopicID {
		return nil
	}
	err := l.offline
	if err == nil {
		if e.Group <= l.floor {
			return nil // from before a truncation
		}
		err = l.apply(e)
	}
	if err == nil {
		return nil
	}
	l.offline = err
	r.store.opt.Log.Error("journal entry cannot be applied", "topic", name.topic, "partition", name.partition, "offset", e.BaseOffset, "err", err)
	return l.keepUnapplied(e.Payload)
}

// settle makes durable what apply has done.
func (r *recovery) settle() error {
	var logs []*Log
	for name, l := range r.logs {
		if l.offline != nil {
			r.store.doubt(name)
			continue
		}
		l.mu.Lock()
		s := l.active()
		s.markTime()
		l.mu.Unlock()
		if err := errors.Join(l.flushIndexes(s), l.Sync()); err != nil {
			return err
		}
		logs = append(logs, l)
		r.store.trust(name)
	}
	// The floors are of no use when the journal is empty, and Open of the logs removes them.
	return r.store.writeAllCheckpoints(logs)
}

// apply brings an entry of the journal into the log: what is there already is passed over.
func (l *Log) apply(e journal.Entry) error {
	var fresh []record.Batch
	previous := e.Previous
	for rest := e.Payload; len(rest) > 0; {
		var b record.Batch
		var err error
		if b, rest, err = record.Next(rest); err != nil {
			return err
		}
		follows := previous <= l.end && b.BaseOffset() >= l.stored
		previous = b.NextOffset()
		switch {
		case b.NextOffset() <= l.end:
			continue
		case !follows:
			return fmt.Errorf("entry at offset %d, the log ends at %d", b.BaseOffset(), l.end)
		}
		fresh = append(fresh, slices.Clone(b))
		l.end = b.NextOffset()
		l.stored = l.end
	}
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

// keepUnapplied saves an entry of the journal that cannot be applied, durably.
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

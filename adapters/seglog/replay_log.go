package seglog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// replaying is a log that takes its entries of the journal.
type replaying struct {
	*Log
	synced  int64          // below, its records are on disk
	damaged *journal.Entry // the last one; what comes next may tell that its records are in the segments. nil for none

	// Where the batch of an offset is expected.
	in       *segment
	offset   int64
	position int64
	window   headerWindow
}

// take brings an entry into the log. What cannot be applied, because it is damaged or does not follow, is set aside.
// An error says that the log, or what is set aside, cannot be written.
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
	var fresh []record.Batch
	previous := e.Previous
	for rest := e.Payload; len(rest) > 0; {
		var b record.Batch
		var err error
		if b, rest, err = record.Next(rest); err != nil {
			return l.setAside(e, err)
		}
		follows := previous <= l.end && b.BaseOffset() >= l.stored
		previous = b.NextOffset()
		switch {
		case b.NextOffset() <= l.end:
			if err := l.renew(b); err != nil {
				return err
			}
			continue
		case !follows:
			return l.setAside(e, fmt.Errorf("entry at offset %d, the log ends at %d", b.BaseOffset(), l.end))
		}
		fresh = append(fresh, slices.Clone(b))
		l.end, l.stored = b.NextOffset(), b.NextOffset()
	}
	return l.append(fresh)
}

// renew writes a batch once more where it stands in the segments. It need not be on disk although it can be read: what
// a sync that has failed was to make durable, the kernel takes for clean.
func (l *replaying) renew(b record.Batch) error {
	if b.BaseOffset() < l.synced {
		return nil
	}
	s := l.segments[l.segmentAt(b.BaseOffset())]
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
	if err != nil {
		return err
	}
	defer f.Close()
	if l.in != s || l.offset != b.BaseOffset() {
		position, _, found, err := l.find(f, l.whole(s), b.BaseOffset())
		if err != nil || !found {
			return err
		}
		l.in, l.position, l.window = s, position, headerWindow{buf: l.window.buf[:0]}
	}
	l.window.file, l.window.limit = f, s.size
	h, err := l.window.at(l.position)
	if err != nil || h.BaseOffset() != b.BaseOffset() || h.Size() != b.Size() {
		l.in = nil // compaction has changed it, and synced what it has made
		return err
	}
	if _, err := f.WriteAt(b, l.position); err != nil {
		return err
	}
	s.dirty = true
	l.offset = b.NextOffset()
	l.position += int64(len(b))
	return nil
}

// finish makes durable what the log has taken.
func (l *replaying) finish() error {
	if l.damaged != nil && !l.isSetAside() {
		return l.setAside(*l.damaged, errDamagedEntry)
	}
	if l.isSetAside() {
		return nil
	}
	l.mu.Lock()
	l.active().markTime()
	s := l.active()
	l.mu.Unlock()
	return errors.Join(l.flushIndexes(s), l.Sync())
}

var errDamagedEntry = fault.New(fault.CorruptMessage, "the journal's entry is damaged")

// isSetAside reports whether something of the log was set aside, so that it is offline.
func (l *replaying) isSetAside() bool { return l.offline != nil }

// setAside saves an entry that cannot be applied, durably. The log is offline from then on, over restarts,
// until somebody has seen to it.
func (l *replaying) setAside(e journal.Entry, why error) error {
	l.offline = why
	l.store.opt.Log.Error("journal entry cannot be applied, the log stays offline", "topic", l.id.Topic,
		"partition", l.id.Partition, "offset", e.BaseOffset, "log_end", l.end,
		"set_aside_in", filepath.Join(l.dir(), unappliedFile), "err", why)
	return l.keepUnapplied(e.Payload)
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

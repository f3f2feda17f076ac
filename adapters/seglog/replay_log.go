package seglog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// replaying is a log that takes its entries of the journal.
type replaying struct {
	*Log
	synced  int64          // below, its records are on disk
	damaged *journal.Entry // the last entry if it is damaged: the next one tells whether its records are in the segments

	// Where the batch of an offset is expected.
	in       *segment
	offset   int64
	position int64
	window   headerWindow
}

// take applies an entry to the log. What cannot be applied, because it is damaged or does not follow, is set aside. An
// error says that the log, or what is set aside, cannot be written.
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
			if err := l.writeAgain(b); err != nil {
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

// writeAgain writes a batch once more where it stands in the segments. It need not be on disk although it can be read:
// after a failed sync the kernel takes for clean what it has not written.
func (l *replaying) writeAgain(b record.Batch) error {
	if b.BaseOffset() < l.synced {
		return nil
	}
	s := l.segments[l.segmentAt(b.BaseOffset())]
	f, err := s.open()
	if err != nil {
		return err
	}
	defer f.Close()
	if l.in != s || l.offset != b.BaseOffset() {
		position, _, found, err := s.view().find(f, b.BaseOffset())
		if err != nil || !found {
			return err
		}
		l.in, l.position, l.window = s, position, headerWindow{buf: l.window.buf[:0]}
	}
	l.window.file, l.window.limit = f, s.size
	h, err := l.window.at(l.position)
	if err != nil || h.BaseOffset() != b.BaseOffset() || h.Size() != b.Size() {
		l.in = nil // compaction has replaced it, and synced its output
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
	return errors.Join(s.flushIndexes(), l.Sync())
}

var errDamagedEntry = fault.New(fault.CorruptMessage, "the journal's entry is damaged")

// isSetAside reports whether something of the log was set aside, so that it is offline.
func (l *replaying) isSetAside() bool { return l.offline != nil }

// setAside saves an entry that cannot be applied, durably. The log is offline from then on, over restarts, until an
// operator has removed the file.
func (l *replaying) setAside(e journal.Entry, why error) error {
	l.offline = why
	l.opt.Log.Error("journal entry cannot be applied, the log stays offline", "topic", l.id.Topic,
		"partition", l.id.Partition, "offset", e.BaseOffset, "log_end", l.end,
		"set_aside_in", l.file(unappliedFile), "err", why)
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

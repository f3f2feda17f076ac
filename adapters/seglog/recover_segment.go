package seglog

import (
	"encoding/binary"
	"errors"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// recoverSegment reads a segment from the mark before offset from on, checks every batch, cuts the file where the first
// bad one begins, and makes the indexes anew from there on. Records below offset sound were synced: where these are
// bad, and not below the log start offset, nothing is cut, and the error is fault.KafkaStorageError.
func (l *Log) recoverSegment(f *openFile, s *segment, from, sound int64) error {
	fresh, position, err := l.trusted(f, s, from)
	if err != nil {
		return err
	}
	expected := s.base
	var buf []byte
	for w := (headerWindow{file: f, limit: s.size}); position < s.size; {
		head, err := w.at(position)
		if err != nil && !unreadable(err) { // what is there is not known
			return err
		}
		if err != nil || head.BaseOffset() < expected || position+int64(head.Size()) > s.size {
			break
		}
		size := head.Size()
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		if _, err := f.ReadAt(buf, position); err != nil {
			return err
		}
		b := record.Batch(buf)
		if b.VerifyCRC() != nil {
			break
		}
		fresh.note(b, l.config.IndexIntervalBytes)
		fresh.size += int64(size)
		expected = b.NextOffset()
		position += int64(size)
	}
	fresh.torn, fresh.next = position < s.size, expected
	if fresh.torn && max(expected, l.start) < sound {
		return fault.New(fault.KafkaStorageError,
			"%s is damaged at byte %d, offset %d, below which all was synced: cutting it there would lose acknowledged records",
			l.path(s.base, logSuffix), position, expected)
	}
	if fresh.torn {
		l.store.opt.Log.Warn("torn end of a segment is cut off", "topic", l.id.Topic, "partition", l.id.Partition,
			"segment", s.base, "size", s.size, "kept", position)
		if err := f.Truncate(position); err != nil {
			return err
		}
		if err := l.syncSegment(f); err != nil {
			return err
		}
	}
	fresh.dirty = true // what the operating system still holds of it is synced with the next checkpoint
	if fresh.timed {
		fresh.markTime()
	}
	for _, suffix := range []string{indexSuffix, timeIndexSuffix} {
		x, err := l.store.files.acquire(l.path(s.base, suffix), true)
		if err != nil {
			return err
		}
		size := fresh.index.flushed
		if suffix == timeIndexSuffix {
			size = fresh.timeIndex.flushed
		}
		if err := errors.Join(x.Truncate(size), x.Close()); err != nil {
			return err
		}
	}
	*s = *fresh
	l.mu.Lock()
	l.indexesMade = true
	l.mu.Unlock()
	return l.flushIndexes(s)
}

// trusted returns the part of a segment that was synced before and is marked by sound indexes: where its last mark
// before offset from is a batch as the index says. Without one the segment is read from its beginning.
func (l *Log) trusted(f *openFile, s *segment, from int64) (*segment, int64, error) {
	fresh := newSegment(s.base)
	if from <= s.base {
		return fresh, 0, nil
	}
	ok, err := l.loadIndexes(f, s)
	if err != nil || !ok {
		return fresh, 0, err
	}
	// The batch at the mark is read again, so the mark itself and what follows it are made anew.
	entry, found, err := l.view(s.base, indexSuffix, &s.index, indexEntry).last(func(e []byte) bool {
		return s.base+int64(binary.BigEndian.Uint32(e)) < from
	})
	if err != nil || !found {
		return fresh, 0, err
	}
	position, marked := int64(binary.BigEndian.Uint32(entry[4:])), s.base+int64(binary.BigEndian.Uint32(entry))
	b, err := (&headerWindow{file: f, limit: s.size}).at(position)
	if err != nil || b.LastOffset() != marked {
		return fresh, 0, nil //nolint:nilerr // a mark that leads nowhere is not trusted, that is all
	}
	marks, err := l.countBefore(s, &s.index, indexSuffix, indexEntry,
		func(e []byte) bool { return int64(binary.BigEndian.Uint32(e[4:])) < position })
	if err != nil {
		return nil, 0, err
	}
	times, err := l.countBefore(s, &s.timeIndex, timeIndexSuffix, timeIndexEntry,
		func(e []byte) bool { return s.base+int64(binary.BigEndian.Uint32(e[8:])) < b.BaseOffset() })
	if err != nil {
		return nil, 0, err
	}
	fresh.index.flushed, fresh.timeIndex.flushed = marks, times
	fresh.size, fresh.sinceMark = position, l.config.IndexIntervalBytes+1
	newest := l.view(s.base, timeIndexSuffix, &fresh.timeIndex, timeIndexEntry)
	if entry, found, err := newest.last(func([]byte) bool { return true }); err != nil {
		return nil, 0, err
	} else if found {
		fresh.maxTimestamp = int64(binary.BigEndian.Uint64(entry))
		fresh.maxOffset = s.base + int64(binary.BigEndian.Uint32(entry[8:]))
		fresh.markedTimestamp, fresh.timed = fresh.maxTimestamp, true
	}
	return fresh, position, nil
}

// countBefore returns the bytes of an index that hold the entries for which keep is true.
func (l *Log) countBefore(s *segment, x *sparseIndex, suffix string, size int, keep func([]byte) bool) (int64, error) {
	n, err := l.view(s.base, suffix, x, size).count(keep)
	return int64(n * size), err
}

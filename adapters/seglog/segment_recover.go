package seglog

import (
	"errors"

	"github.com/chronik-stream/chronik/adapters/seglog/filecache"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// recoverBounds say from where on a segment is read, and what of it must be there.
type recoverBounds struct {
	from     int64 // an offset: reading begins at the last index mark before it
	sound    int64 // records below this offset were synced
	logStart int64 // records below this offset may be lost
	interval int64 // bytes between index entries
}

// recover reads the segment from a mark on, checks every batch, cuts the file where the first bad one begins, and
// builds the indexes from there on. Where a batch is bad that was synced, and not below the log start offset, nothing
// is cut, and the error is fault.KafkaStorageError.
func (s *segment) recover(f *filecache.File, r recoverBounds) error {
	fresh, position, err := s.trusted(f, r)
	if err != nil {
		return err
	}
	expected, position, err := fresh.checkBatches(f, position, s.size, r.interval)
	if err != nil {
		return err
	}
	fresh.torn, fresh.next = position < s.size, expected
	if fresh.torn {
		if err := s.cutTorn(f, position, expected, r); err != nil {
			return err
		}
	}
	fresh.dirty = true // what the operating system still holds of it is synced with the next checkpoint
	if fresh.timed {
		fresh.markTime()
	}
	if err := errors.Join(
		s.truncateIndex(indexSuffix, fresh.index.flushed),
		s.truncateIndex(timeIndexSuffix, fresh.timeIndex.flushed),
	); err != nil {
		return err
	}
	*s = *fresh
	return s.flushIndexes()
}

// checkBatches goes on with a segment at position, up to size or the first bad batch. It returns the offset that would
// follow, and the position.
func (s *segment) checkBatches(f *filecache.File, position, size, interval int64) (next, end int64, err error) {
	next = s.base
	var buf []byte
	for w := (headerWindow{file: f, limit: size}); position < size; {
		head, err := w.at(position)
		if err != nil && !unreadable(err) { // what is there is not known
			return 0, 0, err
		}
		if err != nil || head.BaseOffset() < next || position+int64(head.Size()) > size {
			break
		}
		n := head.Size()
		if cap(buf) < n {
			buf = make([]byte, n)
		}
		buf = buf[:n]
		if _, err := f.ReadAt(buf, position); err != nil {
			return 0, 0, err
		}
		b := record.Batch(buf)
		if b.VerifyCRC() != nil {
			break
		}
		s.note(b, interval)
		s.size += int64(n)
		next = b.NextOffset()
		position += int64(n)
	}
	return next, position, nil //nolint:nilerr // where the first bad batch begins is no failure
}

// cutTorn cuts the segment's file at position, where offset next would follow, unless that would lose what was synced.
func (s *segment) cutTorn(f *filecache.File, position, next int64, r recoverBounds) error {
	if max(next, r.logStart) < r.sound {
		return fault.New(fault.KafkaStorageError, "%s is damaged at byte %d, offset %d, below which all was synced: "+
			"cutting it there would lose acknowledged records", s.path(logSuffix), position, next)
	}
	s.dir.opt.Log.Warn("torn end of a segment is cut off", "topic", s.dir.id.Topic, "partition", s.dir.id.Partition,
		"segment", s.base, "size", s.size, "kept", position)
	if err := f.Truncate(position); err != nil {
		return err
	}
	return s.dir.syncRecords(f)
}

// truncateIndex creates an index file, if it is missing, and cuts it to size.
func (s *segment) truncateIndex(suffix string, size int64) error {
	f, err := s.dir.files.Acquire(s.path(suffix), true)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// trusted returns the part of a segment that was synced before and is marked by sound indexes: where the last mark
// before offset r.from leads to a batch with the offset of the entry. Without one the segment is read from its
// beginning.
func (s *segment) trusted(f *filecache.File, r recoverBounds) (fresh *segment, position int64, err error) {
	fresh = newSegment(s.dir, s.base)
	if r.from <= s.base {
		return fresh, 0, nil
	}
	ok, err := s.loadIndexes(f, r.interval)
	if err != nil || !ok {
		return fresh, 0, err
	}
	// The batch at the mark is read again, so the mark itself and what follows it are written again.
	offsets, times := s.offsets(), s.times()
	entry, found, err := offsets.last(func(e []byte) bool {
		marked, _ := decodeMark(s.base, e)
		return marked < r.from
	})
	if err != nil || !found {
		return fresh, 0, err
	}
	marked, position := decodeMark(s.base, entry)
	b, err := (&headerWindow{file: f, limit: s.size}).at(position)
	if err != nil || b.LastOffset() != marked {
		return fresh, 0, nil //nolint:nilerr // a mark that leads nowhere is not trusted, that is all
	}
	if fresh.index.flushed, err = offsets.bytesBefore(func(e []byte) bool {
		_, at := decodeMark(s.base, e)
		return at < position
	}); err != nil {
		return nil, 0, err
	}
	if fresh.timeIndex.flushed, err = times.bytesBefore(func(e []byte) bool {
		_, offset := decodeTimeMark(s.base, e)
		return offset < b.BaseOffset()
	}); err != nil {
		return nil, 0, err
	}
	fresh.size, fresh.sinceMark = position, r.interval+1
	_, err = fresh.takeTime()
	return fresh, position, err
}

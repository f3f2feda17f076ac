package seglog

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/filecache"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// load finds the segment's size and checks its indexes, which are built again where they are missing or wrong. next is
// where the next segment begins. scan says that the log was not closed properly: what lies above the index point is
// recovered then. built reports whether indexes were built.
func (s *segment) load(next, logStart int64, sound points, scan bool, interval int64) (built bool, err error) {
	f, err := s.open()
	if err != nil {
		return false, err
	}
	defer f.Close()
	if s.size, err = f.Size(); err != nil {
		return false, err
	}
	if scan && next > sound.index {
		return true, s.recover(
			f, recoverBounds{from: sound.index, sound: sound.recovery, logStart: logStart, interval: interval},
		)
	}
	ok, err := s.loadIndexes(f, interval)
	if err == nil && ok { // the end is found from the last mark on
		_, err = s.view().lastMark(&headerWindow{file: f, limit: s.size})
		ok = !s.distrusted
	}
	if err != nil || ok {
		return false, err
	}
	s.dir.opt.Log.Warn("index is missing or wrong, rebuilding it",
		"topic", s.dir.id.Topic, "partition", s.dir.id.Partition, "segment", s.base)
	return true, s.recover(f, recoverBounds{from: s.base, sound: math.MaxInt64, logStart: logStart, interval: interval})
}

// loadIndexes checks what Kafka's sanity check does: whole entries, within the segment, in order at the end.
func (s *segment) loadIndexes(f *filecache.File, interval int64) (ok bool, err error) {
	offsets, err := s.fileSize(indexSuffix)
	if err != nil {
		return false, err
	}
	times, err := s.fileSize(timeIndexSuffix)
	if err != nil {
		return false, err
	}
	if offsets < 0 || times < 0 || offsets%indexEntry != 0 || times%timeIndexEntry != 0 {
		return false, nil
	}
	s.index.flushed, s.timeIndex.flushed = offsets, times
	entry, found, err := s.offsets().last(func([]byte) bool { return true })
	if err != nil {
		return false, err
	}
	if found {
		if _, position := decodeMark(s.base, entry); position >= s.size {
			return false, nil
		}
	}
	if !found && beginsBehind(f, s.size, 4*max(4096, interval)) {
		return false, nil
	}
	if found, err = s.takeTime(); err != nil {
		return false, err
	}
	return found || s.size == 0 || offsets == 0, nil
}

// beginsBehind reports whether a batch of a segment begins behind position most, or what stands before it is damaged:
// a segment of one large batch needs no mark.
func beginsBehind(f *filecache.File, size, most int64) bool {
	position := int64(0)
	for w := (headerWindow{file: f, limit: size}); size > most && position <= most; {
		b, err := w.at(position)
		if err != nil {
			return true
		}
		position += int64(b.Size())
	}
	return position > most && position < size
}

// fileSize returns the size of one of the segment's files, -1 when there is none.
func (s *segment) fileSize(suffix string) (int64, error) {
	f, err := s.dir.files.Acquire(s.path(suffix), false)
	if err != nil {
		if missing(err) {
			return -1, nil
		}
		return 0, err
	}
	defer f.Close()
	return f.Size()
}

// lastBatches returns the headers of the batches behind the segment's last index mark.
func (s *segment) lastBatches() ([]record.Batch, error) {
	if s.size == 0 {
		return nil, nil
	}
	f, err := s.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w := headerWindow{file: f, limit: s.size}
	position, err := s.view().lastMark(&w)
	if err != nil {
		return nil, err
	}
	var last []record.Batch
	for position < s.size {
		b, err := w.at(position)
		if err == nil && position+int64(b.Size()) > s.size {
			err = fmt.Errorf("%w at %d", record.ErrIncomplete, position)
		}
		if err != nil {
			return nil, fault.New(fault.KafkaStorageError, "%s: segment %d was closed properly and is damaged: %w",
				s.dir.name(), s.base, err)
		}
		last = append(last, slices.Clone(b))
		position += int64(b.Size())
	}
	return last, nil
}

// firstTime returns when the segment was begun, in milliseconds: the time of its first batch.
func (s *segment) firstTime() (int64, error) {
	now := time.Now()
	if s.size == 0 {
		return now.UnixMilli(), nil
	}
	f, err := s.open()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b, err := (&headerWindow{file: f, limit: s.size}).at(0)
	if err != nil {
		return 0, err
	}
	return timestampOr(b, now), nil
}

// writeAgain writes what the segment's file holds in its own place, and syncs it: after a sync that has failed, what
// can be read need not be on the disk.
func (s *segment) writeAgain() error {
	f, err := s.open()
	if err != nil {
		return err
	}
	return errors.Join(rewrite(f, s.size), s.dir.syncRecords(f), f.Close())
}

// rewrite writes what a file of this size holds in its own place.
func rewrite(f *filecache.File, size int64) error {
	buf := make([]byte, min(size, 1<<20))
	for at := int64(0); at < size; at += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), size-at)]
		if _, err := f.ReadAt(buf, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := f.WriteAt(buf, at); err != nil {
			return err
		}
	}
	return f.Truncate(size)
}

package seglog

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// timed is a segment as a search by time sees it.
type timedPlace struct {
	place
	times indexView
	max   int64
	next  int64 // base of the segment behind it, or the log's end
}

// timedPlaces returns the readable segments with records below upTo.
func (l *Log) timedPlaces(upTo int64) []timedPlace {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []timedPlace
	for i, s := range l.segments {
		p, ok := l.locate(s.base)
		if !ok || p.base != s.base || s.base >= upTo {
			continue
		}
		t := timedPlace{place: p, times: l.view(s.base, timeIndexSuffix, &s.timeIndex, timeIndexEntry), max: math.MaxInt64, next: l.end}
		if s.timed {
			t.max = s.maxTimestamp
		}
		if i+1 < len(l.segments) {
			t.next = l.segments[i+1].base
		}
		all = append(all, t)
	}
	return all
}

// OffsetForTimestamp returns the first record with timestamp ms or later; see ports.Log.
func (l *Log) OffsetForTimestamp(ms, upTo int64) (at ports.TimestampOffset, ok bool, err error) {
	return l.search(func() (ports.TimestampOffset, bool, error) { return l.offsetForTimestamp(ms, upTo) })
}

// errMoved says that a segment was deleted or rewritten before it could be opened.
var errMoved = errors.New("segment was replaced")

// search repeats a search that met a segment which was replaced meanwhile.
func (l *Log) search(find func() (ports.TimestampOffset, bool, error)) (ports.TimestampOffset, bool, error) {
	for {
		if err := l.offlineError(); err != nil {
			return ports.TimestampOffset{}, false, err
		}
		at, ok, err := find()
		if !errors.Is(err, errMoved) {
			return at, ok, err
		}
	}
}

func (l *Log) offsetForTimestamp(ms, upTo int64) (at ports.TimestampOffset, ok bool, err error) {
	start := l.StartOffset()
	for _, t := range l.timedPlaces(upTo) {
		if t.max < ms || t.next <= start {
			continue
		}
		entry, marked, err := t.times.last(func(e []byte) bool { return int64(binary.BigEndian.Uint64(e)) < ms })
		if !l.holds(t.of) {
			return at, false, errMoved
		}
		if err != nil {
			return at, false, l.searchError(err)
		}
		from := start
		if marked {
			from = max(from, t.base+int64(binary.BigEndian.Uint32(entry[8:])))
		}
		err = l.scan(t.place, max(from, t.base), func(b record.Batch) (bool, error) {
			if b.MaxTimestamp() < ms || b.LastOffset() < start {
				return b.BaseOffset() < upTo, nil
			}
			offset, ts, found, err := b.FirstAtOrAfter(ms, start, record.Limits{})
			if err != nil || !found {
				return true, err
			}
			at, ok = ports.TimestampOffset{Offset: offset, Timestamp: ts, LeaderEpoch: b.LeaderEpoch()}, offset < upTo
			return false, nil
		})
		if err != nil || ok || at.Offset >= upTo && at.Offset > 0 {
			return at, ok, l.searchError(err)
		}
	}
	return ports.TimestampOffset{}, false, nil
}

// MaxTimestamp returns the first record with the largest timestamp; see ports.Log.
func (l *Log) MaxTimestamp(upTo int64) (at ports.TimestampOffset, ok bool, err error) {
	return l.search(func() (ports.TimestampOffset, bool, error) { return l.maxTimestamp(upTo) })
}

func (l *Log) maxTimestamp(upTo int64) (at ports.TimestampOffset, ok bool, err error) {
	start := l.StartOffset()
	best := int64(-1)
	for _, t := range l.timedPlaces(upTo) {
		if t.max <= best || t.next <= start {
			continue
		}
		// The headers of a segment name their batches' largest timestamps; only the winner's records are looked at.
		err := l.scan(t.place, max(start, t.base), func(b record.Batch) (bool, error) {
			if b.BaseOffset() >= upTo {
				return false, nil
			}
			if b.MaxTimestamp() <= best {
				return true, nil
			}
			offset, ts, err := b.OffsetOfMaxTimestamp(record.Limits{})
			if err != nil {
				return false, err
			}
			if offset >= start && offset < upTo {
				best = ts
				at, ok = ports.TimestampOffset{Offset: offset, Timestamp: ts, LeaderEpoch: b.LeaderEpoch()}, true
			}
			return true, nil
		})
		if err != nil {
			return at, false, l.searchError(err)
		}
	}
	return at, ok, nil
}

func (l *Log) searchError(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.KafkaStorageError, "search %s by time: %w", l.name(), err)
}

// scan visits the whole batches of a segment from the one that holds offset on, until visit returns false.
func (l *Log) scan(p place, offset int64, visit func(record.Batch) (bool, error)) error {
	f, err := l.store.files.acquire(l.path(p.base, logSuffix), false)
	if err == nil {
		defer f.Close()
	}
	if !l.holds(p.of) {
		return errMoved
	}
	if err != nil {
		return err
	}
	p.hinted = false
	position, _, ok, err := l.find(f, p, offset)
	if !l.holds(p.of) { // the index that was used may be another segment's
		return errMoved
	}
	if err != nil || !ok {
		return err
	}
	var buf []byte
	for w := (headerWindow{file: f, limit: p.limit}); position < p.limit; {
		head, err := w.at(position)
		if err != nil {
			return err
		}
		size := head.Size()
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		if _, err := f.ReadAt(buf, position); err != nil {
			return err
		}
		if more, err := visit(record.Batch(buf)); err != nil || !more {
			return err
		}
		position += int64(size)
	}
	return nil
}

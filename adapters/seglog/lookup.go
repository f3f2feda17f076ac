package seglog

import (
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// timedPlace is a segment as a search by time sees it.
type timedPlace struct {
	place
	times   indexView
	max     int64 // its largest timestamp, math.MaxInt64 for not known
	checked bool  // max is known to be right
	durable int64 // end of what is durable
	next    int64 // base of the segment behind it, or the log's end
}

// timedPlaces returns the readable segments with records below upTo.
func (l *Log) timedPlaces(upTo int64) []timedPlace {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []timedPlace
	for i, s := range l.segments {
		if s.base >= upTo {
			break
		}
		p, ok := l.locate(s.base)
		if !ok || p.base != s.base {
			continue
		}
		t := timedPlace{
			place: p, times: l.view(s.base, timeIndexSuffix, &s.timeIndex, timeIndexEntry), max: math.MaxInt64,
			durable: l.durable, next: l.end,
		}
		if s.timed && !s.distrusted {
			t.max, t.checked = s.maxTimestamp, s.timesChecked
		}
		if i+1 < len(l.segments) {
			t.next = l.segments[i+1].base
		}
		all = append(all, t)
	}
	return all
}

// newest returns the largest timestamp in a segment, math.MaxInt64 when it is not known. What the time index says of a
// segment is checked once: a segment whose records seem too old is passed over, or deleted.
func (l *Log) newest(t timedPlace) (int64, error) {
	if t.checked || t.max == math.MaxInt64 {
		return t.max, nil
	}
	from, sound, err := l.trueTime(t, func(int64, int64) bool { return true })
	if err == nil && sound {
		err = l.headers(t.place, max(from, t.base), func(b record.Batch) bool {
			sound = b.MaxTimestamp() <= t.max
			return sound
		})
	}
	switch {
	case err != nil:
		return 0, err
	case !sound:
		l.distrust(t.of)
		return math.MaxInt64, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t.of.timesChecked = true
	return t.max, nil
}

// trueTime returns the offset of the last entry of the time index for which keep is true, -1 for none. The batch there
// is looked at: sound is false, and the offset -1, when its timestamp is another than the entry says.
func (l *Log) trueTime(t timedPlace, keep func(ms, offset int64) bool) (offset int64, sound bool, err error) {
	decode := func(e []byte) (ms, offset int64) {
		return int64(binary.BigEndian.Uint64(e)), t.base + int64(binary.BigEndian.Uint32(e[8:]))
	}
	entry, ok, err := t.times.last(func(e []byte) bool { return keep(decode(e)) })
	switch {
	case errors.Is(err, io.EOF), missing(err):
		return -1, false, nil
	case err != nil || !ok:
		return -1, true, err
	}
	ms, offset := decode(entry)
	sound = offset >= t.durable && offset < t.next // behind what can be read yet
	err = l.headers(t.place, offset, func(b record.Batch) bool {
		sound = b.BaseOffset() <= offset && b.MaxTimestamp() == ms
		return false
	})
	if err != nil || !sound {
		return -1, false, err
	}
	return offset, true, nil
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
		newest, err := l.newest(t)
		if err == nil && (newest < ms || t.next <= start) {
			continue
		}
		marked, sound := int64(-1), true
		if err == nil {
			marked, sound, err = l.trueTime(t, func(at, _ int64) bool { return at < ms })
		}
		if !l.holds(t.of) {
			return at, false, errMoved
		}
		if err != nil {
			return at, false, l.searchError(err)
		}
		if !sound {
			l.distrust(t.of)
		}
		from := max(start, marked)
		err = l.scan(t.place, max(from, t.base), func(b record.Batch) (bool, error) {
			if b.MaxTimestamp() < ms || b.LastOffset() < start {
				return b.BaseOffset() < upTo, nil
			}
			offset, ts, found, err := b.FirstAtOrAfter(ms, start, record.Limits{Budget: l.store.opt.Decompression})
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
		newest, err := l.newest(t)
		if !l.holds(t.of) {
			return at, false, errMoved
		}
		if err != nil {
			return at, false, l.searchError(err)
		}
		if newest <= best || t.next <= start {
			continue
		}
		// The headers of a segment name their batches' largest timestamps; only the winner's records are looked at.
		err = l.scan(t.place, max(start, t.base), func(b record.Batch) (bool, error) {
			if b.BaseOffset() >= upTo {
				return false, nil
			}
			if b.MaxTimestamp() <= best {
				return true, nil
			}
			offset, ts, err := b.OffsetOfMaxTimestamp(record.Limits{Budget: l.store.opt.Decompression})
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
	var buf []byte
	return l.eachHeader(p, offset, func(f *openFile, position int64, head record.Batch) (bool, error) {
		size := head.Size()
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		if _, err := f.ReadAt(buf, position); err != nil {
			return false, err
		}
		return visit(record.Batch(buf))
	})
}

// headers is scan for what the batches' headers say.
func (l *Log) headers(p place, offset int64, visit func(record.Batch) bool) error {
	return l.eachHeader(p, offset, func(_ *openFile, _ int64, head record.Batch) (bool, error) { return visit(head), nil })
}

func (l *Log) eachHeader(
	p place, offset int64, visit func(f *openFile, position int64, head record.Batch) (bool, error),
) error {
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
	for w := (headerWindow{file: f, limit: p.limit}); position < p.limit; {
		head, err := w.at(position)
		if err != nil {
			return err
		}
		size := int64(head.Size())
		if more, err := visit(f, position, head); err != nil || !more {
			return err
		}
		position += size
	}
	return nil
}

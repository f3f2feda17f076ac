package seglog

import (
	"errors"
	"math"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// timedViews returns the readable segments with records below upTo.
func (l *Log) timedViews(upTo int64) []timedView {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []timedView
	for i, s := range l.segments {
		if s.base >= upTo {
			break
		}
		v, ok := l.locate(s.base)
		if !ok || v.base != s.base {
			continue
		}
		t := timedView{segmentView: v, times: s.times(), max: math.MaxInt64, durable: l.durable, next: l.end}
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

// OffsetForTimestamp returns the first record with timestamp ms or later; see ports.Log.
func (l *Log) OffsetForTimestamp(ms, upTo int64) (at ports.TimestampOffset, ok bool, err error) {
	s := timeSearch{log: l, upTo: upTo}
	return s.repeat(func() (ports.TimestampOffset, bool, error) { return s.first(ms) })
}

// MaxTimestamp returns the first record with the largest timestamp; see ports.Log.
func (l *Log) MaxTimestamp(upTo int64) (at ports.TimestampOffset, ok bool, err error) {
	s := timeSearch{log: l, upTo: upTo}
	return s.repeat(s.largest)
}

// timeSearch searches the records of a log below an offset by their timestamps.
type timeSearch struct {
	log  *Log
	upTo int64
}

// repeat repeats a search that met a segment which was replaced meanwhile.
func (s timeSearch) repeat(
	find func() (ports.TimestampOffset, bool, error),
) (ports.TimestampOffset, bool, error) {
	for {
		if err := s.log.offlineError(); err != nil {
			return ports.TimestampOffset{}, false, err
		}
		at, ok, err := find()
		if !errors.Is(err, errMoved) {
			return at, ok, err
		}
	}
}

// first finds the first record with timestamp ms or later.
func (s timeSearch) first(ms int64) (at ports.TimestampOffset, ok bool, err error) {
	start := s.log.StartOffset()
	for _, t := range s.log.timedViews(s.upTo) {
		newest, err := t.newest()
		if err == nil && (newest < ms || t.next <= start) {
			continue
		}
		marked, sound := int64(-1), true
		if err == nil {
			marked, sound, err = t.timeMark(func(at, _ int64) bool { return at < ms })
		}
		if !t.of.isCurrent() {
			return at, false, errMoved
		}
		if err != nil {
			return at, false, s.wrap(err)
		}
		if !sound {
			t.of.distrust()
		}
		from := max(start, marked)
		err = t.batches(max(from, t.base), func(b record.Batch) (bool, error) {
			if b.MaxTimestamp() < ms || b.LastOffset() < start {
				return b.BaseOffset() < s.upTo, nil
			}
			offset, ts, found, err := b.FirstAtOrAfter(ms, start, record.Limits{Budget: s.log.opt.Decompression})
			if err != nil || !found {
				return true, err
			}
			at, ok = ports.TimestampOffset{Offset: offset, Timestamp: ts, LeaderEpoch: b.LeaderEpoch()}, offset < s.upTo
			return false, nil
		})
		if err != nil || ok || at.Offset >= s.upTo && at.Offset > 0 {
			return at, ok, s.wrap(err)
		}
	}
	return ports.TimestampOffset{}, false, nil
}

// largest finds the first record with the largest timestamp.
func (s timeSearch) largest() (at ports.TimestampOffset, ok bool, err error) {
	start := s.log.StartOffset()
	best := int64(-1)
	for _, t := range s.log.timedViews(s.upTo) {
		newest, err := t.newest()
		if !t.of.isCurrent() {
			return at, false, errMoved
		}
		if err != nil {
			return at, false, s.wrap(err)
		}
		if newest <= best || t.next <= start {
			continue
		}
		// The headers name their batches' largest timestamps; only the records of a batch that exceeds the best so
		// far are read.
		err = t.batches(max(start, t.base), func(b record.Batch) (bool, error) {
			if b.BaseOffset() >= s.upTo {
				return false, nil
			}
			if b.MaxTimestamp() <= best {
				return true, nil
			}
			offset, ts, err := b.OffsetOfMaxTimestamp(record.Limits{Budget: s.log.opt.Decompression})
			if err != nil {
				return false, err
			}
			if offset >= start && offset < s.upTo {
				best = ts
				at, ok = ports.TimestampOffset{Offset: offset, Timestamp: ts, LeaderEpoch: b.LeaderEpoch()}, true
			}
			return true, nil
		})
		if err != nil {
			return at, false, s.wrap(err)
		}
	}
	return at, ok, nil
}

func (s timeSearch) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.KafkaStorageError, "search %s by time: %w", s.log.name(), err)
}

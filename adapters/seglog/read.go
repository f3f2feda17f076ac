package seglog

import (
	"errors"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// locate returns the segment that holds offset, or, where that has nothing left, the next one. Called with the log's
// lock held.
func (l *Log) locate(offset int64) (segmentView, bool) {
	for i := l.segmentAt(offset); i < len(l.segments); i++ {
		s := l.segments[i]
		v := s.view()
		switch {
		case s.base == l.durableBase:
			v.limit = l.durableSize
		case s.base > l.durableBase:
			return segmentView{}, false
		}
		if v.limit == 0 {
			continue
		}
		v.hint, v.hintSize, v.hinted = l.recent.find(offset, s.base)
		return v, true
	}
	return segmentView{}, false
}

// Read returns the batches from the one that holds offset from on; see ports.Log.
func (l *Log) Read(from, upTo int64, maxBytes int) (ports.Slice, error) {
	for {
		slice, next, err := l.readOnce(from, upTo, maxBytes)
		if err != nil || next < 0 {
			return slice, err
		}
		from = next // the offset lies behind the segment's last batch: compaction has left a gap
	}
}

// readOnce is Read within one segment. next is not negative when the search goes on there.
func (l *Log) readOnce(from, upTo int64, maxBytes int) (slice ports.Slice, next int64, err error) {
	l.mu.Lock()
	switch {
	case l.offline != nil && (l.deleted || l.shutting): // of one that has failed, what was durable before can be read
		defer l.mu.Unlock()
		return slice, -1, l.offline
	case from < l.start || from > l.end:
		defer l.mu.Unlock()
		return slice, -1, fault.New(fault.OffsetOutOfRange, "offset %d of %s is outside %d to %d", from, l.name(), l.start,
			l.end)
	case from >= min(upTo, l.durable):
		l.mu.Unlock()
		return slice, -1, nil
	}
	v, ok := l.locate(from)
	whole := upTo >= l.durable
	after := int64(-1)
	if i := l.segmentAt(from); ok && i+1 < len(l.segments) {
		after = l.segments[i+1].base
	}
	l.mu.Unlock()
	if !ok {
		return slice, -1, nil
	}
	f, err := v.of.open()
	switch {
	case err == nil && !v.of.isCurrent():
		return slice, from, f.Close() // compaction has put another file in its place meanwhile
	case missing(err) && !v.of.isCurrent():
		return slice, from, nil // it was deleted meanwhile
	case err != nil:
		return slice, -1, fault.New(fault.KafkaStorageError, "read %s: %w", l.name(), err)
	}
	slice, found, err := v.read(f, from, upTo, maxBytes, whole)
	if !v.of.isCurrent() { // the index that was used may be another segment's
		return ports.Slice{}, from, f.Close()
	}
	if err != nil || slice.Size == 0 {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return ports.Slice{}, -1, fault.New(fault.KafkaStorageError, "read %s at offset %d: %w", l.name(), from, err)
	}
	if !found && after > from {
		return ports.Slice{}, after, nil
	}
	return slice, -1, nil
}

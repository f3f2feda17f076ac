package seglog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// place is a range of bytes of a segment that can be read without a lock.
type place struct {
	base  int64 // the segment's
	of    *segment
	limit int64 // where what is readable ends
	index indexView
	// Position and size of the batch that begins at the wanted offset, when they are known.
	hint, hintSize int64
	hinted         bool
}

// locate returns the segment that holds offset, or, where that has nothing left, the next one.
func (l *Log) locate(offset int64) (place, bool) {
	for i := l.segmentAt(offset); i < len(l.segments); i++ {
		s := l.segments[i]
		limit := s.size
		switch {
		case s.base == l.durableBase:
			limit = l.durableSize
		case s.base > l.durableBase:
			return place{}, false
		}
		if limit == 0 {
			continue
		}
		p := place{base: s.base, of: s, limit: limit, index: l.view(s.base, indexSuffix, &s.index, indexEntry)}
		p.hint, p.hintSize, p.hinted = l.recent.find(offset, s.base)
		return p, true
	}
	return place{}, false
}

// whole returns all of a segment as a place, for who has the segment alone.
func (l *Log) whole(s *segment) place {
	return place{base: s.base, of: s, limit: s.size, index: l.view(s.base, indexSuffix, &s.index, indexEntry)}
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
	p, ok := l.locate(from)
	whole := upTo >= l.durable
	after := int64(-1)
	if i := l.segmentAt(from); ok && i+1 < len(l.segments) {
		after = l.segments[i+1].base
	}
	l.mu.Unlock()
	if !ok {
		return slice, -1, nil
	}
	f, err := l.store.files.acquire(l.path(p.base, logSuffix), false)
	switch {
	case err == nil && !l.holds(p.of):
		return slice, from, f.Close() // compaction has put another file in its place meanwhile
	case missing(err) && !l.holds(p.of):
		return slice, from, nil // it was deleted meanwhile
	case err != nil:
		return slice, -1, fault.New(fault.KafkaStorageError, "read %s: %w", l.name(), err)
	}
	slice, found, err := l.readFrom(f, p, from, upTo, maxBytes, whole)
	if !l.holds(p.of) { // the index that was used may be another segment's
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

// holds reports whether s is still a segment of the log.
func (l *Log) holds(s *segment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.deleted && slices.Contains(l.segments, s)
}

// readFrom finds the batches in an open segment. found is false when the segment ends before from.
func (l *Log) readFrom(
	f *openFile, p place, from, upTo int64, maxBytes int, whole bool,
) (slice ports.Slice, found bool, err error) {
	start, size, ok, err := l.find(f, p, from)
	if err != nil || !ok {
		return slice, false, err
	}
	var head [record.HeaderSize]byte
	if !whole {
		if _, err := f.ReadAt(head[:], start); err != nil {
			return slice, true, err
		}
		if record.Batch(head[:]).NextOffset() > upTo {
			return slice, true, nil
		}
	}
	end := start + size
	if want := start + int64(maxBytes); want > end {
		if end, err = l.lastBoundary(f, p, end, want, upTo, whole); err != nil {
			return slice, true, err
		}
	}
	return ports.NewSlice(f, start, int(end-start), f), true, nil
}

// find returns position and size of the first batch that ends at offset or behind it.
func (l *Log) find(f *openFile, p place, offset int64) (position, size int64, ok bool, err error) {
	if p.hinted {
		return p.hint, p.hintSize, true, nil
	}
	w := headerWindow{file: f, limit: p.limit}
	position, err = l.mark(&w, p, func(marked, _ int64) bool { return marked <= offset })
	if err != nil {
		return 0, 0, false, err
	}
	for ; position < p.limit; position += size {
		b, err := w.at(position)
		if err != nil {
			return 0, 0, false, err
		}
		size = int64(b.Size())
		if b.LastOffset() >= offset {
			return position, size, true, nil
		}
	}
	return 0, 0, false, nil
}

// mark returns the position of the last marked batch for which keep is true of its last offset and its position, 0 when
// there is none. The batch is looked at: an index that does not tell the truth is passed over, and made anew.
func (l *Log) mark(w *headerWindow, p place, keep func(marked, position int64) bool) (position int64, err error) {
	decode := func(e []byte) (marked, position int64) {
		return p.base + int64(binary.BigEndian.Uint32(e)), int64(binary.BigEndian.Uint32(e[4:]))
	}
	entry, ok, err := p.index.last(func(e []byte) bool { return keep(decode(e)) })
	if err == nil && !ok {
		return 0, nil
	}
	if err == nil {
		marked, position := decode(entry)
		if position >= w.limit { // perhaps behind what can be read yet
			w = &headerWindow{file: w.file, limit: l.sizeOf(p.of)}
		}
		var b record.Batch
		if b, err = w.at(position); err == nil && b.LastOffset() == marked {
			return position, nil
		}
	}
	switch {
	case err == nil,
		missing(err),
		errors.Is(err, io.EOF),
		errors.Is(err, record.ErrIncomplete),
		errors.Is(err, fault.CorruptMessage):
		l.distrust(p.of)
		return 0, nil
	}
	return 0, err
}

// lastBoundary returns the last end of a batch that is not behind want. The batch that ends at from counts as read.
func (l *Log) lastBoundary(f *openFile, p place, from, want, upTo int64, whole bool) (int64, error) {
	if want >= p.limit && whole {
		return p.limit, nil
	}
	end, w := from, headerWindow{file: f, limit: p.limit}
	position, err := l.mark(&w, p,
		func(marked, position int64) bool { return position <= want && (whole || marked < upTo) })
	if err != nil {
		return 0, err
	}
	for end = max(end, position); end < p.limit; {
		b, err := w.at(end)
		if err != nil {
			return 0, err
		}
		if next := end + int64(b.Size()); next > want || !whole && b.NextOffset() > upTo {
			break
		}
		end += int64(b.Size())
	}
	return end, nil
}

// windowBytes is how much is read at once to look at batch headers.
const windowBytes = 4096

// headerWindow reads batch headers one behind the other; small batches cost one system call for many of them.
type headerWindow struct {
	file  *openFile
	limit int64
	buf   []byte
	start int64
}

// at returns the header of the batch at position, as a Batch that ends with its header. It is
// valid until the next call.
func (w *headerWindow) at(position int64) (record.Batch, error) {
	if position < w.start || position+record.HeaderSize > w.start+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, windowBytes)
		}
		w.buf = w.buf[:max(0, min(int64(cap(w.buf)), w.limit-position))]
		w.start = position
		n, err := w.file.ReadAt(w.buf, position)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		w.buf = w.buf[:n]
		if len(w.buf) < record.HeaderSize {
			return nil, fmt.Errorf("%w: %d bytes at %d", record.ErrIncomplete, len(w.buf), position)
		}
	}
	b := record.Batch(w.buf[position-w.start:][:record.HeaderSize])
	if b.Magic() != 2 || b.Size() < record.HeaderSize {
		return nil, fault.New(fault.CorruptMessage, "no batch begins at %d", position)
	}
	return b, nil
}

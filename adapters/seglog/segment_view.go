package seglog

import (
	"errors"
	"io"

	"github.com/chronik-stream/chronik/adapters/seglog/filecache"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// segmentView is the part of a segment that can be read without a lock, as it was at one moment.
//
// Its indexes are hints: find compares the batch that an entry leads to with the entry, and goes through the segment
// from its beginning when they differ. What is read never depends on an index; one that was wrong is built again beside
// the readers (index_rebuild.go).
type segmentView struct {
	base  int64 // the segment's
	of    *segment
	limit int64 // where what is readable ends
	index indexView
	// Position and size of the batch that begins at the wanted offset, when they are known.
	hint, hintSize int64
	hinted         bool
}

// view returns all of a segment. Called with the log's lock held, or by the goroutine that has the segment alone.
func (s *segment) view() segmentView {
	return segmentView{base: s.base, of: s, limit: s.size, index: s.offsets()}
}

// read returns the batches from the one that holds from on. found is false when the segment ends before from. The slice
// takes over f, unless it is empty. whole says that upTo is no bound.
func (v segmentView) read(f *filecache.File, from, upTo int64, maxBytes int, whole bool) (
	slice ports.Slice, found bool, err error,
) {
	start, size, ok, err := v.find(f, from)
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
		if end, err = v.lastBoundary(f, end, want, upTo, whole); err != nil {
			return slice, true, err
		}
	}
	return ports.NewSlice(f, start, int(end-start), f), true, nil
}

// find returns position and size of the first batch that ends at offset or behind it.
func (v segmentView) find(f *filecache.File, offset int64) (position, size int64, ok bool, err error) {
	if v.hinted {
		return v.hint, v.hintSize, true, nil
	}
	w := headerWindow{file: f, limit: v.limit}
	position, err = v.mark(&w, func(marked, _ int64) bool { return marked <= offset })
	if err != nil {
		return 0, 0, false, err
	}
	for ; position < v.limit; position += size {
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

// lastMark returns the position of the last marked batch, 0 when there is none; see mark.
func (v segmentView) lastMark(w *headerWindow) (position int64, err error) {
	return v.mark(w, func(int64, int64) bool { return true })
}

// mark returns the position of the last marked batch for which keep is true of its last offset and its position, 0 when
// there is none, or the index is wrong there.
func (v segmentView) mark(w *headerWindow, keep func(marked, position int64) bool) (position int64, err error) {
	entry, ok, err := v.index.last(func(e []byte) bool { return keep(decodeMark(v.base, e)) })
	if err == nil && !ok {
		return 0, nil
	}
	if err == nil {
		marked, position := decodeMark(v.base, entry)
		if position >= w.limit { // perhaps behind what can be read yet
			w = &headerWindow{file: w.file, limit: v.of.written()}
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
		v.of.distrust()
		return 0, nil
	}
	return 0, err
}

// lastBoundary returns the last end of a batch that is not behind want. The batch that ends at from counts as read.
func (v segmentView) lastBoundary(f *filecache.File, from, want, upTo int64, whole bool) (int64, error) {
	if want >= v.limit && whole {
		return v.limit, nil
	}
	end, w := from, headerWindow{file: f, limit: v.limit}
	position, err := v.mark(&w, func(marked, position int64) bool { return position <= want && (whole || marked < upTo) })
	if err != nil {
		return 0, err
	}
	for end = max(end, position); end < v.limit; {
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

// errMoved says that a segment was deleted or rewritten before it could be opened.
var errMoved = errors.New("segment was replaced")

// batches visits the whole batches from the one that holds offset on, until visit returns false. The error is errMoved
// when the log does not have the segment any more.
func (v segmentView) batches(offset int64, visit func(record.Batch) (bool, error)) error {
	var buf []byte
	return v.each(offset, func(f *filecache.File, position int64, head record.Batch) (bool, error) {
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

// headers is batches for what the batches' headers say.
func (v segmentView) headers(offset int64, visit func(record.Batch) bool) error {
	return v.each(offset, func(_ *filecache.File, _ int64, head record.Batch) (bool, error) { return visit(head), nil })
}

func (v segmentView) each(
	offset int64, visit func(f *filecache.File, position int64, head record.Batch) (bool, error),
) error {
	f, err := v.of.open()
	if err == nil {
		defer f.Close()
	}
	if !v.of.isCurrent() {
		return errMoved
	}
	if err != nil {
		return err
	}
	v.hinted = false
	position, _, ok, err := v.find(f, offset)
	if !v.of.isCurrent() { // the index that was used may be another segment's
		return errMoved
	}
	if err != nil || !ok {
		return err
	}
	for w := (headerWindow{file: f, limit: v.limit}); position < v.limit; {
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

// walk visits the headers of the batches from the one that holds from on, control batches whole. It returns the end of
// the last one; ok is false when the segment ends before from.
func (v segmentView) walk(f *filecache.File, from int64, visit func(record.Batch)) (next int64, ok bool, err error) {
	position, _, ok, err := v.find(f, from)
	if err != nil || !ok {
		return 0, false, err
	}
	next = from
	for w := (headerWindow{file: f, limit: v.limit}); position < v.limit; {
		b, err := w.at(position)
		if err != nil {
			return 0, false, err
		}
		size := int64(b.Size())
		if b.Control() {
			whole := make(record.Batch, size)
			if _, err := f.ReadAt(whole, position); err != nil {
				return 0, false, err
			}
			b = whole
		}
		visit(b)
		next = b.NextOffset()
		position += size
	}
	return next, true, nil
}

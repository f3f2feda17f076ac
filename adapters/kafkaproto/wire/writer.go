package wire

import (
	"encoding/binary"
	"slices"
)

// Writer appends Kafka's primitive types to B. The zero Writer is ready for use.
type Writer struct {
	B        []byte
	Flexible bool // as Reader.Flexible
}

// Grow adds n bytes of any content.
func (w *Writer) Grow(n int) { w.B = slices.Grow(w.B, n)[:len(w.B)+n] }

// Int16 writes a number of two bytes.
func (w *Writer) Int16(v int16) { w.B = binary.BigEndian.AppendUint16(w.B, uint16(v)) }

// Int32 writes a number of four bytes.
func (w *Writer) Int32(v int32) { w.B = binary.BigEndian.AppendUint32(w.B, uint32(v)) }

// Int64 writes a number of eight bytes.
func (w *Writer) Int64(v int64) { w.B = binary.BigEndian.AppendUint64(w.B, uint64(v)) }

// Uvarint writes an unsigned number; v is not below 0.
func (w *Writer) Uvarint(v int) { w.B = binary.AppendUvarint(w.B, uint64(v)) }

// String writes a string that is not null.
func (w *Writer) String(s string) {
	if w.Flexible {
		w.Uvarint(len(s) + 1)
	} else {
		w.Int16(int16(len(s)))
	}
	w.B = append(w.B, s...)
}

// Nullable writes a string, or null for nil.
func (w *Writer) Nullable(s *string) {
	switch {
	case s != nil:
		w.String(*s)
	case w.Flexible:
		w.Uvarint(0)
	default:
		w.Int16(-1)
	}
}

// Length writes the length of an array or of bytes; -1 stands for null.
func (w *Writer) Length(n int) {
	if w.Flexible {
		w.Uvarint(n + 1)
		return
	}
	w.Int32(int32(n))
}

// NoTags ends a struct without tagged fields.
func (w *Writer) NoTags() {
	if w.Flexible {
		w.Uvarint(0)
	}
}

// Tag writes a tagged field whose value is written by value.
func (w *Writer) Tag(tag int, value func(*Writer)) {
	inner := Writer{Flexible: true}
	value(&inner)
	w.Uvarint(tag)
	w.Uvarint(len(inner.B))
	w.B = append(w.B, inner.B...)
}

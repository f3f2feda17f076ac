package kafkaproto

import (
	"encoding/binary"
	"errors"
	"slices"
)

// errMalformed says that a request ends before what it promises, or promises what cannot be.
var errMalformed = errors.New("malformed request")

// reader takes Kafka's primitive types from bytes, or from a stream. After the first failure every read returns zero and
// bad stays set, so that a decoder checks once, at its end.
type reader struct {
	in       []byte
	stream   *stream // instead of in; nil for none
	flexible bool    // strings, bytes and arrays have the compact form of KIP-482, and structs have tagged fields
	bad      bool
	tagged   int // tagged fields so far
}

func (r *reader) fail() {
	r.bad, r.in = true, nil
}

// failure is why the reader is bad: the connection's error, or else what the client has done wrong.
func (r *reader) failure(malformed error) error {
	if r.stream != nil && r.stream.err != nil {
		return r.stream.err
	}
	return badInput{malformed}
}

// left returns how many bytes have not been taken.
func (r *reader) left() int {
	if r.stream != nil && !r.bad {
		return r.stream.left
	}
	return len(r.in)
}

// take returns the next n bytes, nil when they are not there. They share the memory of in.
func (r *reader) take(n int) []byte {
	if n < 0 || n > r.left() {
		r.fail()
		return nil
	}
	if r.stream != nil {
		b := r.stream.take(n)
		if b == nil {
			r.fail()
		}
		return b
	}
	out := r.in[:n:n]
	r.in = r.in[n:]
	return out
}

func (r *reader) int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) uuid() (id [16]byte) {
	copy(id[:], r.take(16))
	return id
}

// uvarint reads an unsigned number of at most 32 bits.
func (r *reader) uvarint() int {
	var (
		v uint64
		n int
	)
	if r.stream != nil && !r.bad {
		v, n = r.stream.uvarint()
	} else {
		v, n = binary.Uvarint(r.in)
	}
	if n <= 0 || n > binary.MaxVarintLen32 || v > 1<<32-1 {
		r.fail()
		return 0
	}
	if r.stream == nil {
		r.in = r.in[n:]
	}
	return int(v)
}

// stringBytes reads a string; null is nil.
func (r *reader) stringBytes() []byte {
	if r.flexible {
		return r.span(r.uvarint() - 1)
	}
	return r.span(int(r.int16()))
}

// name reads a string that may not be null.
func (r *reader) name() []byte {
	b := r.stringBytes()
	if b == nil {
		r.fail()
	}
	return b
}

// bytes reads bytes or records; null is nil.
func (r *reader) bytes() []byte { return r.span(r.wideLength()) }

func (r *reader) span(n int) []byte {
	switch n {
	case -1:
		return nil
	case 0:
		return []byte{}
	}
	return r.take(n)
}

// array reads the length of an array whose elements take at least size bytes each, and refuses a length that
// the rest cannot hold. A null array is -1.
func (r *reader) array(size int) int {
	n := r.wideLength()
	if n < -1 || n > 0 && n > r.left()/max(size, 1) {
		r.fail()
		return 0
	}
	return n
}

func (r *reader) wideLength() int {
	if r.flexible {
		return r.uvarint() - 1
	}
	return int(r.int32())
}

// tags reads a struct's tagged fields and shows each to field, which may be nil.
func (r *reader) tags(field func(tag int, value []byte)) {
	if !r.flexible {
		return
	}
	n := r.uvarint()
	if n > r.left()/2 {
		r.fail()
		return
	}
	for range n {
		r.tagged++
		tag := r.uvarint()
		value := r.take(r.uvarint())
		if r.bad {
			return
		}
		if field != nil {
			field(tag, value)
		}
	}
}

// writer appends Kafka's primitive types to bytes.
type writer struct {
	b        []byte
	flexible bool
}

// grow adds n bytes of any content.
func (w *writer) grow(n int) { w.b = slices.Grow(w.b, n)[:len(w.b)+n] }

func (w *writer) int16(v int16) { w.b = binary.BigEndian.AppendUint16(w.b, uint16(v)) }
func (w *writer) int32(v int32) { w.b = binary.BigEndian.AppendUint32(w.b, uint32(v)) }
func (w *writer) int64(v int64) { w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) }

func (w *writer) uvarint(v int) { w.b = binary.AppendUvarint(w.b, uint64(v)) }

func (w *writer) string(s string) {
	if w.flexible {
		w.uvarint(len(s) + 1)
	} else {
		w.int16(int16(len(s)))
	}
	w.b = append(w.b, s...)
}

// nullable writes a string, or null for nil.
func (w *writer) nullable(s *string) {
	switch {
	case s != nil:
		w.string(*s)
	case w.flexible:
		w.uvarint(0)
	default:
		w.int16(-1)
	}
}

// length writes the length of an array or of bytes; -1 stands for null.
func (w *writer) length(n int) {
	if w.flexible {
		w.uvarint(n + 1)
		return
	}
	w.int32(int32(n))
}

// noTags ends a struct without tagged fields.
func (w *writer) noTags() {
	if w.flexible {
		w.uvarint(0)
	}
}

// tag writes a tagged field whose value is written by value.
func (w *writer) tag(tag int, value func(*writer)) {
	inner := writer{flexible: true}
	value(&inner)
	w.uvarint(tag)
	w.uvarint(len(inner.b))
	w.b = append(w.b, inner.b...)
}

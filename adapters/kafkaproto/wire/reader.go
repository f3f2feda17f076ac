package wire

import (
	"encoding/binary"
	"errors"
)

// ErrMalformed says that a request is shorter than it claims, or has an impossible value.
var ErrMalformed = errors.New("malformed request")

// Reader reads Kafka's primitive types from bytes, or from a Stream. After the first failure every read returns zero
// and Bad stays true, so that a decoder checks once, at its end.
type Reader struct {
	// Flexible says that strings, bytes and arrays have the compact form of KIP-482, and that structs have tagged
	// fields.
	Flexible bool

	in     []byte
	stream *Stream // read instead of in unless it is nil
	bad    bool
	tagged int // tagged fields so far
}

// NewReader returns a reader of in. Its results share in's memory.
func NewReader(in []byte, flexible bool) Reader { return Reader{in: in, Flexible: flexible} }

// NewStreamReader returns a reader of a request that is still arriving.
func NewStreamReader(s *Stream, flexible bool) Reader { return Reader{stream: s, Flexible: flexible} }

// Bad reports whether a read has failed.
func (r *Reader) Bad() bool { return r.bad }

// Fail makes the reader bad, after a value that is impossible.
func (r *Reader) Fail() {
	r.bad, r.in = true, nil
}

// Stream returns the request that is still arriving, nil when it has arrived as a whole.
func (r *Reader) Stream() *Stream { return r.stream }

// Rest returns the bytes that have not been taken, nil for a stream.
func (r *Reader) Rest() []byte { return r.in }

// Left returns how many bytes have not been taken.
func (r *Reader) Left() int {
	if r.stream != nil && !r.bad {
		return r.stream.left
	}
	return len(r.in)
}

// Take returns the next n bytes, nil when there are fewer. They share the input's memory.
func (r *Reader) Take(n int) []byte {
	if n < 0 || n > r.Left() {
		r.Fail()
		return nil
	}
	if r.stream != nil {
		b := r.stream.take(n)
		if b == nil {
			r.Fail()
		}
		return b
	}
	out := r.in[:n:n]
	r.in = r.in[n:]
	return out
}

// Int8 reads a signed number of one byte.
func (r *Reader) Int8() int8 {
	if b := r.Take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

// Int16 reads a signed number of two bytes.
func (r *Reader) Int16() int16 {
	if b := r.Take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Int32 reads a signed number of four bytes.
func (r *Reader) Int32() int32 {
	if b := r.Take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// Int64 reads a signed number of eight bytes.
func (r *Reader) Int64() int64 {
	if b := r.Take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// UUID reads an id of sixteen bytes.
func (r *Reader) UUID() (id [16]byte) {
	copy(id[:], r.Take(16))
	return id
}

// Uvarint reads an unsigned number of at most 32 bits.
func (r *Reader) Uvarint() int {
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
		r.Fail()
		return 0
	}
	if r.stream == nil {
		r.in = r.in[n:]
	}
	return int(v)
}

// StringBytes reads a string; null is nil.
func (r *Reader) StringBytes() []byte {
	if r.Flexible {
		return r.span(r.Uvarint() - 1)
	}
	return r.span(int(r.Int16()))
}

// Name reads a string that may not be null.
func (r *Reader) Name() []byte {
	b := r.StringBytes()
	if b == nil {
		r.Fail()
	}
	return b
}

// Bytes reads bytes or records; null is nil.
func (r *Reader) Bytes() []byte { return r.span(r.Length()) }

func (r *Reader) span(n int) []byte {
	switch n {
	case -1:
		return nil
	case 0:
		return []byte{}
	}
	return r.Take(n)
}

// Array reads the length of an array whose elements take at least size bytes each, and refuses a length for which too
// few bytes are left. A null array is -1.
func (r *Reader) Array(size int) int {
	n := r.Length()
	if n < -1 || n > 0 && n > r.Left()/max(size, 1) {
		r.Fail()
		return 0
	}
	return n
}

// Length reads the length of an array, of bytes or of records; null is -1.
func (r *Reader) Length() int {
	if r.Flexible {
		return r.Uvarint() - 1
	}
	return int(r.Int32())
}

// Tags reads a struct's tagged fields and calls field, which may be nil, with each.
func (r *Reader) Tags(field func(tag int, value []byte)) {
	if !r.Flexible {
		return
	}
	n := r.Uvarint()
	if n > r.Left()/2 {
		r.Fail()
		return
	}
	for range n {
		r.tagged++
		tag := r.Uvarint()
		value := r.Take(r.Uvarint())
		if r.bad {
			return
		}
		if field != nil {
			field(tag, value)
		}
	}
}

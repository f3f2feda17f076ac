package group

import (
	"encoding/binary"
	"errors"
)

// errShort means that the bytes are truncated, or that a length in them is impossible.
var errShort = errors.New("truncated or malformed")

// reader reads Kafka's primitive types from bytes. After the first failure every read returns zero and bad stays set,
// so a decoder needs to check it only once, at its end.
type reader struct {
	in       []byte
	flexible bool // strings, bytes and arrays have the compact form of KIP-482
	bad      bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.in) {
		r.bad, r.in = true, nil
	}
	if r.bad {
		return nil
	}
	out := r.in[:n:n]
	r.in = r.in[n:]
	return out
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

func (r *reader) uvarint() int {
	v, n := binary.Uvarint(r.in)
	if n <= 0 || v > 1<<31-1 {
		r.bad, r.in = true, nil
		return 0
	}
	r.in = r.in[n:]
	return int(v)
}

// length reads the length of a string (wide: of bytes or an array); -1 stands for null.
func (r *reader) length(wide bool) int {
	switch {
	case r.flexible:
		return r.uvarint() - 1
	case wide:
		return int(r.int32())
	default:
		return int(r.int16())
	}
}

// string reads a string; null reads as "".
func (r *reader) string() string { return string(r.take(max(r.length(false), 0))) }

// bytes reads bytes, which share the input's memory.
func (r *reader) bytes() []byte { return r.take(max(r.length(true), 0)) }

// tags reads the tagged fields and passes each one to visit, unless that is nil.
func (r *reader) tags(visit func(tag int, value []byte)) {
	if !r.flexible {
		return
	}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		tag := r.uvarint()
		if value := r.take(r.uvarint()); visit != nil && !r.bad {
			visit(tag, value)
		}
	}
}

func (r *reader) err() error {
	if r.bad {
		return errShort
	}
	return nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func appendCompactString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))+1), s...)
}

// appendNullable writes s, or null for "".
func appendNullable(b []byte, s string) []byte {
	if s == "" {
		return binary.BigEndian.AppendUint16(b, 0xffff)
	}
	return appendString(b, s)
}

func appendBytes(b, v []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

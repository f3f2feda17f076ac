package record

import (
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// windowSize is the number of decompressed bytes of a batch that are in memory at a time, unless a caller needs a whole
// record that is larger.
const windowSize = 64 << 10

// cursor reads records from memory, or from a decompressor window by window. Malformed input sets bad, so that a
// record's fields can be read without a check after each.
type cursor struct {
	buf  []byte    // bytes that can be read without src
	src  *inflater // nil when buf is everything
	left int       // how many bytes may still be read from src
	bad  bool
}

// open returns a cursor at the batch's first record. Close it even after an error.
func (b Batch) open(limit Limits) (cursor, error) {
	codec := b.Attributes().Codec()
	if codec == None {
		return cursor{buf: b.Payload()}, nil
	}
	src, err := inflate(codec, b.Payload(), limit)
	return cursor{src: src, left: math.MaxInt}, err
}

// close releases the decompressor.
func (c *cursor) close() {
	if c.src != nil {
		c.src.release()
		c.src = nil
	}
}

// fill makes n bytes readable in buf, or all that are left.
func (c *cursor) fill(n int) bool {
	if len(c.buf) >= n {
		return true
	}
	if c.src == nil || c.left == 0 {
		return false
	}
	had := len(c.buf)
	c.buf = c.src.more(c.buf, n, c.left)
	c.left -= len(c.buf) - had
	return len(c.buf) >= n
}

// next reads one record. Without whole, a record that is larger than the window is kept only as far as validation needs
// it: its deltas, and whether it has a key.
func (c *cursor) next(r *Record, whole bool) error {
	size := int(c.varint())
	if c.bad {
		return c.fault("Incorrect declared batch size, premature EOF reached")
	}
	want := size
	if !whole {
		want = min(size, windowSize)
	}
	if size < 0 || !c.fill(want) {
		return c.fault("Invalid record size: expected %d bytes in record payload, but the record payload reached EOF.",
			size)
	}
	if size <= len(c.buf) {
		body := cursor{buf: c.buf[:size:size]}
		c.buf = c.buf[size:]
		return body.record(r)
	}
	body := cursor{buf: c.buf, src: c.src, left: size - len(c.buf)}
	c.buf = nil
	return body.record(r)
}

// record reads the one record that the cursor holds.
func (c *cursor) record(r *Record) error {
	c.skip(1) // attributes, of which none is defined
	r.TimestampDelta = c.varlong()
	r.OffsetDelta = c.varint()
	r.Key = c.field()
	r.Value = c.field()
	r.HeaderCount = int(c.varint())
	if c.bad {
		return c.fault("Found invalid record structure")
	}
	if r.HeaderCount < 0 || r.HeaderCount > len(c.buf)+c.left {
		return c.fault("Found invalid number of record headers %d", r.HeaderCount)
	}
	r.headers = c.buf
	for range r.HeaderCount {
		if c.field() == nil {
			return c.fault("Found invalid record structure: header without key")
		}
		c.field()
		if c.bad {
			return c.fault("Found invalid record structure")
		}
	}
	if len(c.buf)+c.left > 0 {
		return c.fault("Invalid record size: %d bytes follow the record's headers", len(c.buf)+c.left)
	}
	return nil
}

// end checks that nothing follows the last record.
func (c *cursor) end(count int32) error {
	if count < 0 {
		return c.fault("Found invalid record count %d in magic v2 batch", count)
	}
	if c.fill(1) {
		return c.fault("Incorrect declared batch size, records still remaining in file")
	}
	return c.failed()
}

// fault returns the decompressor's error, or if it has none, fault.InvalidRecord with this message.
func (c *cursor) fault(format string, args ...any) error {
	if err := c.failed(); err != nil {
		return err
	}
	return fault.New(fault.InvalidRecord, format, args...)
}

func (c *cursor) failed() error {
	if c.src != nil && !errors.Is(c.src.err, io.EOF) {
		return c.src.err
	}
	return nil
}

// field reads bytes with their length in front; nil when the length is negative. Of bytes larger than
// the window only an empty slice remains.
func (c *cursor) field() []byte {
	n := int(c.varint())
	if n < 0 || c.bad {
		return nil
	}
	if n <= len(c.buf) {
		f := c.buf[:n:n]
		c.buf = c.buf[n:]
		return f
	}
	c.skip(n)
	return []byte{}
}

// skip skips n bytes.
func (c *cursor) skip(n int) {
	for n > len(c.buf) {
		n -= len(c.buf)
		c.buf = c.buf[len(c.buf):]
		if !c.fill(1) {
			c.bad = true
			return
		}
	}
	c.buf = c.buf[n:]
}

// varint reads a zigzag number of 32 bits.
func (c *cursor) varint() int32 {
	if len(c.buf) > 0 && c.buf[0] < 0x80 {
		v := c.buf[0]
		c.buf = c.buf[1:]
		return int32(v>>1) ^ -int32(v&1)
	}
	v := c.uvarint(binary.MaxVarintLen32)
	if v > math.MaxUint32 {
		c.bad = true
		return 0
	}
	return int32(v>>1) ^ -int32(v&1)
}

// varlong reads a zigzag number of 64 bits.
func (c *cursor) varlong() int64 {
	v := c.uvarint(binary.MaxVarintLen64)
	return int64(v>>1) ^ -int64(v&1)
}

// uvarint reads a number that takes at most size bytes.
func (c *cursor) uvarint(size int) uint64 {
	c.fill(size) // or less, at the end
	v, n := binary.Uvarint(c.buf)
	if n <= 0 || n > size {
		c.bad = true
		return 0
	}
	c.buf = c.buf[n:]
	return v
}

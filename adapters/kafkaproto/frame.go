package kafkaproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	// smallestFrame is a request header without client id: key, version, correlation id and a string's length.
	smallestFrame = 10
	// firstRead is how much of a large frame is taken memory for before more of it has come.
	firstRead = 64 << 10
	// trustedPart is the part of the largest frame that a connection which has sent as much before is trusted with at once.
	trustedPart = 8
)

// frame is a request's bytes without their size, in memory that release gives back.
type frame struct {
	buf   *buffer
	lease Lease
	pool  *buffers
}

func (f *frame) release() {
	if f.buf == nil {
		return
	}
	f.pool.put(f.buf)
	f.buf = nil
	f.lease.Return()
}

// readFrame reads the next frame into f. Memory is taken only after the frame's first bytes have come, and
// beyond what this connection has shown that it sends, only as the rest comes. io.EOF is an end between frames.
func (c *conn) readFrame(f *frame) error {
	head := c.head[:]
	if _, err := io.ReadFull(c.in, head); err != nil {
		return err
	}
	c.reading.Store(true)
	defer c.reading.Store(false)
	size := int(int32(binary.BigEndian.Uint32(head)))
	if size < smallestFrame || size > c.server.maxFrame {
		return badInput{fmt.Errorf("frame of %d bytes, allowed %d to %d", size, smallestFrame, c.server.maxFrame)}
	}
	if _, err := c.in.Peek(1); err != nil {
		return unexpected(err)
	}

	f.pool = c.server.buffers
	have, room := 0, min(size, max(firstRead, c.largest))
	if err := c.take(&f.lease, c.server.frames, room); err != nil {
		return err
	}
	f.buf = f.pool.get(room)
	for {
		n, err := io.ReadFull(c.in, f.buf.b[have:])
		have += n
		if err != nil {
			f.release()
			return unexpected(err)
		}
		if have == size {
			break
		}
		room = min(size, 2*have)
		if err := c.take(&f.lease, c.server.frames, room-have); err != nil {
			f.release()
			return err
		}
		grown := f.pool.get(room)
		copy(grown.b, f.buf.b)
		f.pool.put(f.buf)
		f.buf = grown
	}
	c.largest = max(c.largest, min(size, largestBuffer, c.server.maxFrame/trustedPart))
	return nil
}

// unexpected is the error for an end in the middle of a frame.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// header is a request's header, versions 1 and 2 (KIP-482).
type header struct {
	key, version int16
	correlation  int32
	clientID     []byte // nil for null
}

// parseHeader reads the header at the start of body and returns the rest. flexible tells for a key and version
// whether the header ends with tagged fields.
func parseHeader(body []byte, flexible func(key, version int16) bool) (h header, rest []byte, err error) {
	r := reader{in: body}
	h.key, h.version, h.correlation = r.int16(), r.int16(), r.int32()
	h.clientID = r.stringBytes() // never in its compact form
	r.flexible = flexible(h.key, h.version)
	r.tags(nil)
	if r.bad {
		return h, nil, badInput{fmt.Errorf("header of %d bytes: %w", min(len(body), math.MaxInt16), errMalformed)}
	}
	return h, r.in, nil
}

// badInput is an error of the client's making: its connection is closed, and the reason logged.
type badInput struct{ error }

func (e badInput) Unwrap() error { return e.error }

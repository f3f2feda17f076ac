package kafkaproto

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/chronik-stream/chronik/adapters/kafkaproto/budget"
	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
)

const (
	// smallestFrame is a request header without client id: key, version, correlation id and a string's length.
	smallestFrame = 10
	// firstRead is how much memory is allocated for a large frame before more of it has arrived.
	firstRead = 64 << 10
	// trustedPart: memory for up to 1/trustedPart of the largest frame is allocated at once, if the connection has sent
	// as much in one frame before.
	trustedPart = 8
)

// frame is a request's bytes without their size, in memory that release gives back.
type frame struct {
	buf   *buffer
	lease budget.Lease
	pool  *buffers
}

// bytes returns the received bytes, which are valid until release.
func (f *frame) bytes() []byte {
	if f.buf == nil {
		return []byte{}
	}
	return f.buf.b
}

func (f *frame) release() {
	if f.buf == nil {
		return
	}
	f.pool.put(f.buf)
	f.buf = nil
	f.lease.Return()
}

// receive reads the next frame into x.frame. Of one that is served while it arrives, it reads the size only. io.EOF is
// an end between frames.
func (c *conn) receive(x *exchange) error {
	head := c.head[:]
	if _, err := io.ReadFull(c.in, head); err != nil {
		return err
	}
	c.reading.Store(true)
	defer c.reading.Store(false)
	x.size = int(int32(binary.BigEndian.Uint32(head)))
	if x.size < smallestFrame || x.size > c.server.maxStream {
		return badInput{c.wrongSize(x.size)}
	}
	apiAndVersion, err := c.in.Peek(4)
	if err != nil {
		return wire.Unexpected(err)
	}
	if x.size > c.server.streamAbove && isStreamed(apiAndVersion) && !c.server.intercepts(produceKey) {
		x.stream = c.server.windows.Open(c.in, x.size)
		return nil
	}
	if x.size > c.server.maxFrame {
		return badInput{fmt.Errorf(
			"frame of %d bytes, allowed %d to %d for all but Produce: a quarter of the broker's memory",
			x.size, smallestFrame, c.server.maxFrame)}
	}
	return c.read(&x.frame, c.in, x.size)
}

// errTLS and errHTTP are about clients that speak another protocol. They are logged in place of the size of a frame
// that their first bytes would be.
var (
	errTLS = errors.New("it begins with a TLS handshake, and this listener takes plain connections only: " +
		"set the client's security.protocol to PLAINTEXT")
	errHTTP = errors.New("it begins with an HTTP request, and this listener takes Kafka's protocol only: " +
		"metrics and health are at http.listen")
)

// verbs are the first four bytes of the requests of HTTP, PRI of its version 2.
var verbs = []string{ //nolint:gochecknoglobals // a table
	"GET ", "HEAD", "POST", "PUT ", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI ",
}

// wrongSize returns what is wrong with a frame of a size that is not allowed: c.head is most likely the beginning of
// another protocol if it reads like one.
func (c *conn) wrongSize(size int) error {
	switch {
	case c.head[0] == tlsBegins && c.head[1] == 3: // a record of a handshake, and the major version of all TLS
		return errTLS
	case slices.Contains(verbs, string(c.head[:])):
		return errHTTP
	}
	return fmt.Errorf("frame of %d bytes, allowed %d to %d", size, smallestFrame, c.server.maxStream)
}

// read fills f with the next size bytes of in, which is this connection's. Memory is allocated only after the first of
// them have arrived; beyond the size of the connection's earlier frames, it grows with what arrives.
func (c *conn) read(f *frame, in *bufio.Reader, size int) error {
	if _, err := in.Peek(1); err != nil {
		return wire.Unexpected(err)
	}
	f.pool = c.server.buffers
	have, room := 0, min(size, max(firstRead, c.largest))
	if err := c.take(&f.lease, c.server.frames, room); err != nil {
		return err
	}
	f.buf = f.pool.get(room)
	for {
		n, err := io.ReadFull(in, f.buf.b[have:])
		have += n
		if err != nil {
			f.release()
			return wire.Unexpected(err)
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

// header is a request's header, versions 1 and 2 (KIP-482).
type header struct {
	key, version int16
	correlation  int32
	clientID     []byte // nil for null
}

// parseHeader reads the header from r. flexible reports for a key and version whether the header ends with tagged
// fields.
func parseHeader(r *wire.Reader, flexible func(key, version int16) bool) (h header, err error) {
	size := r.Left()
	h.key, h.version, h.correlation = r.Int16(), r.Int16(), r.Int32()
	h.clientID = r.StringBytes() // never in its compact form
	r.Flexible = flexible(h.key, h.version)
	r.Tags(nil)
	if r.Bad() {
		return h, failure(r, fmt.Errorf("header of %d bytes: %w", min(size, math.MaxInt16), wire.ErrMalformed))
	}
	return h, nil
}

// badInput is an error caused by the client: its connection is closed and the reason is logged.
type badInput struct{ error }

func (e badInput) Unwrap() error { return e.error }

// failure returns why a reader is bad: the connection's error, or else malformed.
func failure(r *wire.Reader, malformed error) error {
	if s := r.Stream(); s != nil && s.Err() != nil {
		return s.Err()
	}
	return badInput{malformed}
}

package kafkaproto

import (
	"bufio"
	"encoding/binary"
	"io"
	"sync"
)

const (
	// streamAbove is the size, in bytes, above which a Produce request is not waited for as a whole. What most clients send
	// at most stays below: Java's max.request.size is as much.
	streamAbove = 1 << 20
	// largestField bounds what is taken from a stream at once, in bytes: strings, of which the longest has 32 KiB.
	largestField = 64 << 10
	// arenaSize is how much memory a stream takes at a time for what is taken from it.
	arenaSize = 512
	// streamWindow is how much of its input a stream reads at once: several small batches, and little of a large one,
	// since what is in the window has to be copied.
	streamWindow = 16 << 10
)

// isStreamed reports whether a request that begins with these four bytes, its API key and version, is decoded while it arrives.
func isStreamed(apiAndVersion []byte) bool {
	return binary.BigEndian.Uint16(apiAndVersion) == produceKey && int16(binary.BigEndian.Uint16(apiAndVersion[2:])) >= oldestProduce
}

// windows lends streams their windows.
type windows struct{ pool sync.Pool }

// open returns a stream of the next size bytes of in.
func (w *windows) open(in io.Reader, size int) *stream {
	s := &stream{rest: io.LimitedReader{R: in, N: int64(size)}, left: size}
	var ok bool
	if s.in, ok = w.pool.Get().(*bufio.Reader); !ok {
		s.in = bufio.NewReaderSize(nil, streamWindow)
	}
	s.in.Reset(&s.rest)
	return s
}

// close takes the stream's window back.
func (w *windows) close(s *stream) {
	s.in.Reset(nil)
	w.pool.Put(s.in)
	s.in = nil
}

// stream is a request that is decoded while it arrives.
type stream struct {
	rest  io.LimitedReader // of the connection: what is not in the window
	in    *bufio.Reader    // the window
	left  int              // bytes of the request that have not been taken
	err   error            // the first error of the connection
	arena []byte           // what is taken lies here; it is not used again
}

// take returns the next n bytes of those that are left, nil when they do not come or nothing is so large.
func (s *stream) take(n int) []byte {
	if n > largestField || s.err != nil {
		return nil
	}
	if n > len(s.arena) {
		s.arena = make([]byte, max(n, arenaSize))
	}
	b := s.arena[:n:n]
	s.arena = s.arena[n:]
	if _, err := io.ReadFull(s.in, b); err != nil {
		s.err = unexpected(err)
		return nil
	}
	s.left -= n
	return b
}

// uvarint returns the next unsigned number and the bytes that it takes, 0 when there is none, as binary.Uvarint does.
func (s *stream) uvarint() (v uint64, n int) {
	var bytes [binary.MaxVarintLen32]byte
	for n < min(len(bytes), s.left) && s.err == nil {
		b, err := s.in.ReadByte()
		if err != nil {
			s.err = unexpected(err)
			break
		}
		bytes[n] = b
		n++
		if b < 0x80 {
			s.left -= n
			return binary.Uvarint(bytes[:n])
		}
	}
	return 0, 0
}

// records fills f with the next n bytes.
func (s *stream) records(c *conn, f *frame, n int) error {
	s.left -= n
	if n == 0 {
		return nil
	}
	return c.read(f, s.in, n)
}

// skip passes over the next n bytes.
func (s *stream) skip(n int) error {
	s.left -= n
	_, err := io.CopyN(io.Discard, s.in, int64(n))
	if err != nil {
		return unexpected(err)
	}
	return nil
}

package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"sync"
)

const (
	// largestField limits what is taken from a stream at once, in bytes. The largest are strings, of up to 32 KiB.
	largestField = 64 << 10
	// arenaSize is how much memory a stream allocates at a time for what is taken from it.
	arenaSize = 512
	// streamWindow is how much of its input a stream buffers: several small batches, but little of a large one, since
	// buffered bytes have to be copied.
	streamWindow = 16 << 10
)

// Windows is a pool of the buffers of streams. The zero Windows is ready for use, by many goroutines.
type Windows struct{ pool sync.Pool }

// Open returns a stream of the next size bytes of in. Close it.
func (w *Windows) Open(in io.Reader, size int) *Stream {
	s := &Stream{rest: io.LimitedReader{R: in, N: int64(size)}, left: size}
	var ok bool
	if s.in, ok = w.pool.Get().(*bufio.Reader); !ok {
		s.in = bufio.NewReaderSize(nil, streamWindow)
	}
	s.in.Reset(&s.rest)
	return s
}

// Close puts the stream's buffer back into the pool.
func (w *Windows) Close(s *Stream) {
	s.in.Reset(nil)
	w.pool.Put(s.in)
	s.in = nil
}

// Stream is a request that is decoded while it arrives. It is for one goroutine at a time.
type Stream struct {
	rest  io.LimitedReader // of the connection, after what is in the window
	in    *bufio.Reader    // the window, which buffers rest
	left  int              // bytes of the request that have not been taken
	err   error            // the first error of the connection
	arena []byte           // memory for what is taken; it is not reused
}

// take returns the next n bytes, nil when they do not arrive or n exceeds largestField.
func (s *Stream) take(n int) []byte {
	if n > largestField || s.err != nil {
		return nil
	}
	if n > len(s.arena) {
		s.arena = make([]byte, max(n, arenaSize))
	}
	b := s.arena[:n:n]
	s.arena = s.arena[n:]
	if _, err := io.ReadFull(s.in, b); err != nil {
		s.err = Unexpected(err)
		return nil
	}
	s.left -= n
	return b
}

// uvarint returns the next unsigned number and the bytes that it takes, 0 when there is none, as binary.Uvarint does.
func (s *Stream) uvarint() (v uint64, n int) {
	var bytes [binary.MaxVarintLen32]byte
	for n < min(len(bytes), s.left) && s.err == nil {
		b, err := s.in.ReadByte()
		if err != nil {
			s.err = Unexpected(err)
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

// Left returns how many bytes of the request have not been taken.
func (s *Stream) Left() int { return s.left }

// Err returns the first error of the connection, nil for none.
func (s *Stream) Err() error { return s.err }

// Lend returns a reader for the next n bytes of the request. All of them must be read before anything else is taken.
func (s *Stream) Lend(n int) *bufio.Reader {
	s.left -= n
	return s.in
}

// Skip discards the next n bytes.
func (s *Stream) Skip(n int) error {
	s.left -= n
	_, err := io.CopyN(io.Discard, s.in, int64(n))
	if err != nil {
		return Unexpected(err)
	}
	return nil
}

// Unexpected returns err for the middle of a request, where no end is expected: io.ErrUnexpectedEOF instead of io.EOF.
func Unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

package kafkaproto

import (
	"errors"
	"io"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/core/ports"
)

// sendStep is the most that one sendfile sends, in bytes, so that progress can be observed.
const sendStep = 1 << 20

// sendFile sends s from its file without copying it through this process, if s has a file and the connection is plain
// TCP.
func (c *conn) sendFile(s ports.Slice) error {
	fd, offset, ok := s.Descriptor()
	if !ok || !c.direct() {
		return c.copyFile(s)
	}
	return c.push(&outgoing{conn: c, file: int(fd), at: offset, left: s.Size})
}

// sendMore writes b with MSG_MORE, so that the beginning of a file goes into the same packet.
func (c *conn) sendMore(b []byte) error { return c.push(&outgoing{conn: c, bytes: b, left: len(b)}) }

// push sends all that is outgoing. It waits while the socket's buffer is full.
func (c *conn) push(o *outgoing) error {
	if err := c.raw.Write(o.send); err != nil {
		return err
	}
	return o.err
}

// outgoing is what is written directly to the socket, bypassing conn.stream: bytes, or a part of a file.
type outgoing struct {
	conn  *conn
	bytes []byte
	file  int // the descriptor; unused with bytes
	at    int64
	left  int // bytes
	err   error
}

// send sends until nothing is left or it fails, and returns false when the socket's buffer is full, as a function for
// syscall.RawConn.Write must.
func (o *outgoing) send(socket uintptr) bool {
	for o.left > 0 {
		switch n, err := o.step(int(socket)); {
		case err == nil && n > 0:
			o.left -= n
			o.conn.active.Store(o.conn.server.tick.Load())
		case err == nil:
			o.err = io.ErrUnexpectedEOF // the file is shorter than expected
			return true
		case errors.Is(err, unix.EAGAIN):
			return false
		case !errors.Is(err, unix.EINTR):
			o.err = err
			return true
		}
	}
	return true
}

// step makes one system call, and returns how many bytes it has sent.
func (o *outgoing) step(socket int) (int, error) {
	if o.bytes != nil {
		return unix.SendmsgN(socket, o.bytes[len(o.bytes)-o.left:], nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
	}
	return unix.Sendfile(socket, o.file, &o.at, min(o.left, sendStep))
}

// ended reports whether the peer has closed its side and everything that it has sent was read, or the connection is
// broken. Otherwise requests without an answer (acks=0), sent just before the end, would be lost.
func ended(raw syscall.RawConn) bool {
	gone := false
	err := raw.Control(func(socket uintptr) {
		var next [1]byte
		n, _, err := unix.Recvfrom(int(socket), next[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = err == nil && n == 0 || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return err != nil || gone
}

// hungUp reports whether the peer has closed its side or the connection is broken.
func hungUp(raw syscall.RawConn) bool {
	gone := false
	err := raw.Control(func(socket uintptr) {
		fds := []unix.PollFd{{Fd: int32(socket), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(fds, 0)
		gone = err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
	})
	return err != nil || gone
}

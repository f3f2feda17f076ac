package kafkaproto

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/core/ports"
)

// sendStep is the most that one sendfile is asked for, so that progress is seen.
const sendStep = 1 << 20

// sendFile sends s from its file without copying it through this process, on connections that can.
func (c *conn) sendFile(s ports.Slice) error {
	if !c.direct() {
		return c.copyFile(s)
	}
	file := int(s.File.Fd())
	at, rest := s.Offset, s.Size
	var failed error
	err := c.raw.Write(func(socket uintptr) bool {
		for rest > 0 {
			n, err := unix.Sendfile(int(socket), file, &at, min(rest, sendStep))
			switch {
			case err == unix.EINTR:
			case err == unix.EAGAIN:
				return false
			case err != nil:
				failed = err
				return true
			case n == 0:
				failed = io.ErrUnexpectedEOF
				return true
			default:
				rest -= n
				c.active.Store(c.server.tick.Load())
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return failed
}

// sendMore writes b and tells the kernel that more follows, so that the beginning of a file goes into the
// same packet.
func (c *conn) sendMore(b []byte) error {
	var failed error
	err := c.raw.Write(func(socket uintptr) bool {
		for len(b) > 0 {
			n, err := unix.SendmsgN(int(socket), b, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
			switch {
			case err == unix.EINTR:
			case err == unix.EAGAIN:
				return false
			case err != nil:
				failed = err
				return true
			default:
				b = b[n:]
				c.active.Store(c.server.tick.Load())
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return failed
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

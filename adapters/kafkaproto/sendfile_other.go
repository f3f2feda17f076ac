//go:build !linux

package kafkaproto

import (
	"syscall"

	"github.com/chronik-stream/chronik/core/ports"
)

// sendFile sends s through a buffer: sendfile with offsets is used on Linux only.
func (c *conn) sendFile(s ports.Slice) error { return c.copyFile(s) }

func (c *conn) sendMore(b []byte) error { return c.writeAll(b) }

// ended has no cheap implementation here either.
func ended(syscall.RawConn) bool { return false }

// hungUp has no cheap implementation here: a disconnected client is noticed at the next write.
func hungUp(syscall.RawConn) bool { return false }

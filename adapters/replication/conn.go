package replication

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// maxAnswer bounds what an answer's length may say, in bytes: a batch is never cut, so it is more than was asked for.
const maxAnswer = 1 << 30

// conn is a connection to another broker for one request after the other. It is for one goroutine at a time.
type conn struct {
	address   string
	net       net.Conn
	in        *bufio.Reader
	formatter *kmsg.RequestFormatter
	next      int32 // correlation id
	out       []byte
}

// dial connects to a broker.
func dial(ctx context.Context, secure TLS, address, clientID string) (*conn, error) {
	var dialer net.Dialer
	plain, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stream, err := secure.over(ctx, plain, address)
	if err != nil {
		_ = plain.Close()
		return nil, err
	}
	return &conn{
		address: address, net: stream, in: bufio.NewReaderSize(stream, 64<<10),
		formatter: kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID)),
	}, nil
}

// do sends req and reads its answer into resp. After an error the connection is of no use any more.
func (c *conn) do(ctx context.Context, req kmsg.Request, resp kmsg.Response) error {
	if err := c.net.SetDeadline(time.Time{}); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.net.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c.next++
	c.out = c.formatter.AppendRequest(c.out[:0], req, c.next)
	if _, err := c.net.Write(c.out); err != nil {
		return cause(ctx, err)
	}
	body, err := c.answer(resp.IsFlexible())
	if err != nil {
		return cause(ctx, err)
	}
	return resp.ReadFrom(body)
}

// answer reads the answer's frame and returns what follows its header.
func (c *conn) answer(flexible bool) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return nil, err
	}
	size, id := int32(binary.BigEndian.Uint32(head[:])), int32(binary.BigEndian.Uint32(head[4:]))
	if size < 4 || size > maxAnswer || id != c.next {
		return nil, fault.New(fault.CorruptMessage, "an answer of %d bytes to request %d, asked was %d", size, id, c.next)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil, err
	}
	if !flexible {
		return body, nil
	}
	if len(body) == 0 || body[0] != 0 {
		return nil, fault.New(fault.CorruptMessage, "an answer with tags in its header")
	}
	return body[1:], nil
}

func (c *conn) close() { _ = c.net.Close() }

// cause returns why an operation has failed: ctx's error when that has ended it.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// unreachable is the error for a broker that cannot be talked to.
func unreachable(ctx context.Context, node int32, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.New(fault.BrokerNotAvailable, "broker %d: %w", node, fmt.Errorf("%w", err))
}

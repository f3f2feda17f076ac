package kafkaadmin

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Bounds of one request.
const (
	dialTimeout = 5 * time.Second
	askTimeout  = 30 * time.Second
	maxAnswer   = 1 << 30 // bytes
)

// conn is a connection to a broker for one request after the other.
type conn struct {
	net       net.Conn
	in        *bufio.Reader
	formatter *kmsg.RequestFormatter
	next      int32
	serves    map[int16]int16 // the highest version of each API
}

// dial connects to a broker and asks what it serves.
func dial(ctx context.Context, address string) (*conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &conn{
		net: raw, in: bufio.NewReader(raw), formatter: kmsg.NewRequestFormatter(kmsg.FormatterClientID("chronik-server")),
		serves: map[int16]int16{18: 0},
	}
	got, err := c.ask(ctx, kmsg.NewPtrApiVersionsRequest())
	if err != nil {
		c.close()
		return nil, fmt.Errorf(
			"%s does not answer as a broker; a node that is starting does not yet, and its log says what it waits for: %w",
			address, err,
		)
	}
	for _, key := range got.(*kmsg.ApiVersionsResponse).ApiKeys {
		c.serves[key.ApiKey] = key.MaxVersion
	}
	return c, nil
}

// errNotServed is the error for an API that a broker does not serve.
var errNotServed = errors.New("the broker does not serve it: it is no node of a cluster")

// ask sends a request in the highest version that both sides know, and returns the answer. But for errNotServed, the
// connection is of no use after an error.
func (c *conn) ask(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	highest, served := c.serves[req.Key()]
	if !served {
		return nil, fmt.Errorf("%s: %w", kmsg.NameForKey(req.Key()), errNotServed)
	}
	req.SetVersion(min(highest, req.MaxVersion()))
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.net.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	resp, err := c.exchange(req)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return resp, err
}

func (c *conn) exchange(req kmsg.Request) (kmsg.Response, error) {
	c.next++
	if _, err := c.net.Write(c.formatter.AppendRequest(nil, req, c.next)); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return nil, err
	}
	size, id := int32(binary.BigEndian.Uint32(head[:])), int32(binary.BigEndian.Uint32(head[4:]))
	if size < 4 || size > maxAnswer || id != c.next {
		return nil, fmt.Errorf("an answer of %d bytes to request %d, asked was %d", size, id, c.next)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	if resp.IsFlexible() && req.Key() != 18 { // the answer's header has tags; there are none
		body = body[min(1, len(body)):]
	}
	return resp, resp.ReadFrom(body)
}

func (c *conn) close() { _ = c.net.Close() }

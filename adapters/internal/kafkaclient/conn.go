package kafkaclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrNotServed is the error of a request for an API that the broker does not serve, or in no version that this program
// knows. The Conn stays usable.
var ErrNotServed = errors.New("the broker does not serve it")

// Conn is a connection to a broker for one request at a time. It is for one goroutine at a time, except for Close. It
// is a kmsg.Requestor: req.RequestWith(ctx, conn) returns the answer by its type.
type Conn struct {
	address string
	stream  net.Conn
	in      *bufio.Reader
	format  *kmsg.RequestFormatter
	last    int32            // the correlation id of the last request
	largest int              // bytes of the largest answer so far, trustedRead at most
	out     []byte           // the last request's frame; its memory is reused
	served  map[int16]served // by API key; nil before Negotiate
}

// served is the range of versions in which a broker serves an API.
type served struct{ lowest, highest int16 }

var _ kmsg.Requestor = (*Conn)(nil)

// Address returns the address that was dialed.
func (c *Conn) Address() string { return c.address }

// Close ends the connection. It may be called at any time, more than once; a request that is under way fails.
func (c *Conn) Close() { _ = c.stream.Close() } // nothing can be done about a failed close

// Negotiate asks the broker which APIs it serves (KIP-35). From then on each request goes in the highest version that
// both sides know.
func (c *Conn) Negotiate(ctx context.Context) error {
	req := kmsg.NewPtrApiVersionsRequest() // version 0, which every broker answers
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return err
	}
	c.served = make(map[int16]served, len(resp.ApiKeys))
	for _, k := range resp.ApiKeys {
		c.served[k.ApiKey] = served{k.MinVersion, k.MaxVersion}
	}
	return nil
}

// Request sends req and returns its answer; the caller checks the error codes in it. Before Negotiate, req is sent in
// the version that it has. The caller owns the answer's memory. Errors: ErrNotServed, ErrMalformed, the connection's,
// and context.Cause(ctx) when ctx has ended. A request without an answer, such as Produce with acks=0, must not be sent
// this way.
func (c *Conn) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	if err := c.chooseVersion(req); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	resp, err := c.exchange(ctx, req)
	if err != nil {
		c.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return resp, nil
}

// chooseVersion gives req the highest version that both sides know.
func (c *Conn) chooseVersion(req kmsg.Request) error {
	if c.served == nil {
		return nil
	}
	theirs, ok := c.served[req.Key()]
	version := min(theirs.highest, req.MaxVersion())
	if !ok || version < theirs.lowest {
		return fmt.Errorf("%s: %w", kmsg.NameForKey(req.Key()), ErrNotServed)
	}
	req.SetVersion(version)
	return nil
}

// exchange sends req and reads its answer.
func (c *Conn) exchange(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	release, err := c.endWith(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	c.last++
	c.out = c.format.AppendRequest(c.out[:0], req, c.last)
	if _, err := c.stream.Write(c.out); err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	body, err := c.receive(hasTags(resp))
	if err != nil {
		return nil, err
	}
	if err := resp.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%s version %d: %w: %w", kmsg.NameForKey(req.Key()), req.GetVersion(), ErrMalformed, err)
	}
	return resp, nil
}

// receive reads the answer to the last request, and returns what follows its header.
func (c *Conn) receive(tags bool) ([]byte, error) {
	body, err := readAnswer(c.in, c.last, max(firstRead, c.largest))
	if err != nil {
		return nil, err
	}
	c.largest = max(c.largest, min(len(body), trustedRead))
	if tags {
		return skipTags(body)
	}
	return body, nil
}

// endWith makes reads and writes fail as soon as ctx ends, until release is called.
func (c *Conn) endWith(ctx context.Context) (release func(), err error) {
	if err := c.stream.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = c.stream.SetDeadline(time.Unix(1, 0)) // fails on a closed connection only
	})
	return func() {
		if !stop() {
			<-done // otherwise the deadline could be set late and end the next request
		}
	}, nil
}

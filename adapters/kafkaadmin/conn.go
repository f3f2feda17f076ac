package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaclient"
)

// Time-outs of one request.
const (
	dialTimeout = 5 * time.Second
	askTimeout  = 30 * time.Second
)

// dial connects to a broker and negotiates the versions.
func dial(ctx context.Context, address string) (*kafkaclient.Conn, error) {
	c, err := kafkaclient.Dialer{ClientID: "chronik-server", Timeout: dialTimeout}.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := c.Negotiate(bounded); err != nil {
		c.Close()
		return nil, fmt.Errorf(
			"%s does not answer as a broker; if it is starting, its log says what it waits for: %w",
			address, err,
		)
	}
	return c, nil
}

// node is a kmsg.Requestor for the node at one address.
type node struct {
	admin   *Admin
	address string
}

// Request implements kmsg.Requestor.
func (n node) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	c := n.admin.conns[n.address]
	if c == nil {
		var err error
		if c, err = dial(ctx, n.address); err != nil {
			return nil, err
		}
		n.admin.conns[n.address] = c
	}
	resp, err := c.Request(ctx, req)
	if errors.Is(err, kafkaclient.ErrNotServed) {
		return nil, fmt.Errorf("%w: it is no node of a cluster", err)
	}
	if err != nil {
		c.Close() // a request whose ctx ended before it was sent leaves it open
		delete(n.admin.conns, n.address)
	}
	return resp, err
}

package kafkaproto

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Nodes says how the other nodes of the cluster are distinguished from clients: on the same listeners, they begin with
// TLS and present a certificate.
type Nodes struct {
	// TLS accepts the connection of a node. It asks for a certificate and verifies it.
	TLS *tls.Config
	// NodeID returns the id of the only node that may use a verified certificate, below 0 for any node.
	NodeID func(*x509.Certificate) (int32, error)
}

const (
	// tlsBegins is the first byte of a connection by TLS: a record of the handshake.
	tlsBegins = 0x16
	// largestBesideTLS is the largest frame, in bytes, whose size does not begin like TLS.
	largestBesideTLS = tlsBegins<<24 - 1
	// handshakeMost is how many bytes may arrive before the sender is verified. A handshake takes a few thousand.
	handshakeMost = 64 << 10
	// tlsCost estimates the bytes of memory that a connection by TLS takes beside connectionCost: its buffers, and at
	// first its handshake.
	tlsCost = handshakeMost + 32<<10
)

// node is the node at the other end of a connection by TLS.
type node struct{ id int32 } // below 0 for any

// recognize finds out whether a client or a node of the cluster has connected. It returns when a client has sent its
// first byte, or a node has finished the handshake.
func (c *conn) recognize() error {
	nodes := c.server.nodes
	if nodes == nil {
		return nil
	}
	first, err := c.in.Peek(1)
	if err != nil || first[0] != tlsBegins {
		return err
	}
	if !c.server.grow(c, tlsCost) {
		return stranger{errors.New("no memory is left for connections")}
	}
	read, err := c.in.Peek(c.in.Buffered())
	if err != nil {
		return err
	}
	below := &underTLS{Conn: c.nc, c: c, begun: append([]byte(nil), read...), left: handshakeMost}
	secured := tls.Server(below, nodes.TLS)
	ctx, cancel := context.WithTimeout(c.waits, c.server.limits.Handshake)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("not done within %v", c.server.limits.Handshake)
		}
		return stranger{fmt.Errorf("TLS handshake: %w", err)}
	}
	id, err := nodes.NodeID(secured.ConnectionState().PeerCertificates[0])
	if err != nil {
		return stranger{err}
	}
	below.known = true
	c.node, c.stream = &node{id}, secured
	c.in.Reset(secured)
	return nil
}

// stranger is the error for a connection that begins with TLS and is not a node's.
type stranger struct{ error }

func (e stranger) Unwrap() error { return e.error }

// underTLS is the connection below TLS. It returns the bytes that were read before, and records when bytes move.
type underTLS struct {
	net.Conn
	c     *conn
	begun []byte // comes first
	known bool   // the handshake is done; until then the bytes are limited
	left  int
}

func (u *underTLS) Read(p []byte) (n int, err error) {
	switch {
	case !u.known && u.left <= 0:
		return 0, fmt.Errorf("more than %d bytes", handshakeMost)
	case !u.known:
		p = p[:min(len(p), u.left)]
	}
	if len(u.begun) > 0 {
		n = copy(p, u.begun)
		u.begun = u.begun[n:]
	} else {
		n, err = u.Conn.Read(p)
		u.c.active.Store(u.c.server.tick.Load())
	}
	u.left -= n
	return n, err
}

func (u *underTLS) Write(p []byte) (int, error) {
	n, err := u.Conn.Write(p)
	u.c.active.Store(u.c.server.tick.Load())
	return n, err
}

// follows returns an error when the request's replica id is not its sender's. Consumers have ids below 0.
func (x *exchange) follows(replica int32) error {
	if replica < 0 {
		return nil
	}
	return x.speaksFor(replica)
}

// speaksFor returns an error unless the request comes from a node that may be this broker. Without TLS between nodes,
// every client is accepted.
func (x *exchange) speaksFor(broker int32) (err error) {
	from := x.conn.node
	switch {
	case x.conn.server.nodes == nil:
		return nil
	case from == nil:
		err = fault.New(fault.ClusterAuthorizationFailed,
			"%s as broker %d: brokers must connect by TLS, with a node's certificate", x.api.name, broker)
	case from.id >= 0 && from.id != broker:
		err = fault.New(fault.ClusterAuthorizationFailed,
			"%s as broker %d: the certificate is node %d's", x.api.name, broker, from.id)
	default:
		return nil
	}
	x.conn.server.noise.Warn(x.ctx, "request refused", "client", x.conn.remote, "client_id", x.clientID, "err", err)
	return err
}

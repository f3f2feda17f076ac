package replication

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// handshakeTime bounds how long another broker may take to show who it is.
const handshakeTime = 10 * time.Second

// TLS returns how a connection to another broker is secured now, nil for not at all. The server name is set for each.
type TLS func() *tls.Config

// over returns the TLS over a connection to a broker, once the other side has shown who it is; the connection itself where they go in the clear.
// What the other side has against this broker comes with the first answer only.
func (secure TLS) over(ctx context.Context, plain net.Conn, address string) (net.Conn, error) {
	var config *tls.Config
	if secure != nil {
		config = secure()
	}
	if config == nil {
		return plain, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	config.ServerName = host
	secured := tls.Client(plain, config)
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	switch err := secured.HandshakeContext(ctx); {
	case err == nil:
		return secured, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("TLS with %s: %w", address, ctx.Err())
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return nil, hungUp{fmt.Errorf("TLS with %s: it hangs up: are cluster.ca_file, cert_file and key_file set there, too?", address)}
	default:
		return nil, untrusted{fmt.Errorf("TLS with %s: %w", address, err)}
	}
}

// untrusted is the error of a broker that has not shown that it is one.
type untrusted struct{ error }

func (e untrusted) Unwrap() error { return e.error }

// hungUp is the error of who does not answer to TLS: a broker that has none, or a proxy before one that does not run.
type hungUp struct{ error }

// Distrust reports whether err says that somebody is there, and that this broker and the other do not believe each other.
func Distrust(err error) bool {
	_, here := errors.AsType[untrusted](err)
	network, ok := errors.AsType[*net.OpError](err)
	return here || ok && network.Op == "remote error" // an alert of TLS
}

// distrusted returns err, and tells of it when it is about who is who: that does not pass by itself, and tries that fail are no news otherwise.
func (p *Peers) distrusted(ctx context.Context, node int32, err error) error {
	_, silent := errors.AsType[hungUp](err)
	if silent || Distrust(err) || errors.Is(err, fault.ClusterAuthorizationFailed) {
		p.noise.Warn(ctx, "another node and this one do not believe each other", "node", node, "err", err)
	}
	return err
}

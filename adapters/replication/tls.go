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

// handshakeTime bounds how long the TLS handshake with another broker may take.
const handshakeTime = 10 * time.Second

// TLS returns the configuration for a new connection to another broker, nil for plain text. The server name is set for
// each connection.
type TLS func() *tls.Config

// over does the TLS handshake on a connection to a broker and verifies the broker's certificate. Without TLS it returns
// the connection itself. It is a kafkaclient.Dialer's Secure. Whether the other side accepts this broker's certificate
// is known only with the first answer (TLS 1.3).
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
		return nil, hungUp{fmt.Errorf(
			"TLS with %s: the connection was closed: are cluster.ca_file, cert_file and key_file set there, too?", address)}
	default:
		return nil, untrusted{fmt.Errorf("TLS with %s: %w", address, err)}
	}
}

// untrusted is the error for a peer that has not proven that it is a broker of the cluster.
type untrusted struct{ error }

func (e untrusted) Unwrap() error { return e.error }

// hungUp is the error for a peer that closes the connection instead of answering the handshake. That is a broker
// without TLS, or a proxy in front of a broker that does not run.
type hungUp struct{ error }

// Distrust reports whether err says that a peer was reached and that one side has not accepted the other's certificate.
func Distrust(err error) bool {
	_, here := errors.AsType[untrusted](err)
	network, ok := errors.AsType[*net.OpError](err)
	return here || ok && network.Op == "remote error" // an alert of TLS
}

// distrusted returns err, and logs it when it is about certificates, because that needs an operator. Other failures to
// connect are routine.
func (p *Peers) distrusted(ctx context.Context, node int32, err error) error {
	_, silent := errors.AsType[hungUp](err)
	if silent || Distrust(err) || errors.Is(err, fault.ClusterAuthorizationFailed) {
		p.noise.Warn(ctx, "this node and another one do not trust each other", "node", node, "err", err)
	}
	return err
}

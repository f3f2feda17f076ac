package replication

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/test/authority"
)

func clientOf(t *testing.T, f authority.Files) TLS {
	t.Helper()
	cert, pool := f.Load(t)
	return func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool} }
}

func serverOf(t *testing.T, f authority.Files) *tls.Config {
	t.Helper()
	cert, pool := f.Load(t)
	return &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

// answer answers one heartbeat with an error code.
func answer(code int16) func(net.Conn) {
	return func(c net.Conn) {
		var head [12]byte // the size, the header without the client's id
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		resp := kmsg.NewPtrBrokerHeartbeatResponse()
		resp.ErrorCode = code
		body := append(append(head[8:12:12], 0), resp.AppendTo(nil)...)
		_, _ = c.Write(append([]byte{0, 0, 0, byte(len(body))}, body...))
		_, _ = io.Copy(io.Discard, c)
	}
}

// peersAt returns peers that find every broker at one address, and what they log.
func peersAt(t *testing.T, address string, secure TLS) (*Peers, *strings.Builder) {
	t.Helper()
	log := new(strings.Builder)
	p := New(Settings{
		NodeID:  1,
		Address: func(int32) (string, bool) { return address, true },
		TLS:     secure,
		Logger:  slog.New(slog.NewTextHandler(log, nil)),
	})
	t.Cleanup(p.Close)
	return p, log
}

// beat sends a heartbeat to broker 2.
func beat(t *testing.T, p *Peers) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := p.Heartbeat(ctx, 2, ports.BrokerHeartbeat{BrokerID: 1})
	return err
}

func TestHeartbeatsGoByTLS(t *testing.T) {
	ours := authority.New(t)
	address := authority.Serve(t, serverOf(t, ours.Node(t, "server", nil)), answer(0))
	p, log := peersAt(t, address, clientOf(t, ours.Node(t, "client", nil)))
	if err := beat(t, p); err != nil || log.Len() > 0 {
		t.Errorf("Heartbeat() = %v, log %s", err, log)
	}
}

func TestNoRequestIsSentToAnUntrustedBroker(t *testing.T) {
	ours, theirs := authority.New(t), authority.New(t)
	good := ours.Node(t, "good", nil)
	stranger := theirs.Node(t, "stranger", nil)
	hangUp := func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }
	for name, c := range map[string]struct {
		server *tls.Config
		serve  func(net.Conn)
		secure TLS
		want   string
	}{
		"another authority": {serverOf(t, stranger), hangUp, clientOf(t, good), "unknown authority"},
		"another host": {
			serverOf(t, ours.Node(t, "elsewhere", authority.ForHost("elsewhere"))), hangUp,
			clientOf(t, good), "127.0.0.1",
		},
		"no TLS at the other side": {nil, hangUp, clientOf(t, good), "are cluster.ca_file"},
		"this broker is no node": {
			serverOf(t, good), hangUp,
			clientOf(t, authority.Files{CA: ours.CAFile, Cert: stranger.Cert, Key: stranger.Key}), "remote error",
		},
		"in the clear, to a cluster": {nil, answer(kerr.ClusterAuthorizationFailed.Code), nil, "must be set here"},
	} {
		t.Run(name, func(t *testing.T) {
			p, log := peersAt(t, authority.Serve(t, c.server, c.serve), c.secure)
			err := beat(t, p)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Heartbeat() = %v, want something of %q", err, c.want)
			}
			if !errors.Is(err, fault.BrokerNotAvailable) && !errors.Is(err, fault.ClusterAuthorizationFailed) {
				t.Errorf("Heartbeat() = %v of kind %v", err, fault.KindOf(err))
			}
			if !strings.Contains(log.String(), "do not trust each other") {
				t.Errorf("the log is %q", log)
			}
		})
	}
}

func TestAHandshakeEndsWithItsContext(t *testing.T) {
	ours := authority.New(t)
	release := make(chan struct{})
	address := authority.Serve(t, nil, func(net.Conn) { <-release })
	p, log := peersAt(t, address, clientOf(t, ours.Node(t, "client", nil)))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Heartbeat(ctx, 2, ports.BrokerHeartbeat{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Heartbeat() = %v", err)
	}
	close(release)
	if log.Len() > 0 {
		t.Errorf("the log is %s", log)
	}
}

package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaclient"
	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// Settings identify this broker to the others.
type Settings struct {
	NodeID int32
	// Address returns where a broker listens for the others, host:port; ok is false when that is not known.
	Address func(node int32) (address string, ok bool)
	TLS     TLS // nil: plain text
	Logger  *slog.Logger
}

// noisePerPeriod limits the lines about connections per limitedlog.Period, because connections are retried all the
// time.
const noisePerPeriod = 5

// Peers talks to the other brokers. It has two connections to each, because heartbeats must not wait behind records.
type Peers struct {
	settings Settings
	dialer   kafkaclient.Dialer
	noise    *limitedlog.Log

	mu     sync.Mutex
	beats  map[int32]*line
	feeds  map[int32]*line
	closed bool
}

var (
	_ ports.Heartbeats     = (*Peers)(nil)
	_ ports.ReplicaFetcher = (*Peers)(nil)
)

// New returns the peers of this broker. Close ends all connections.
func New(set Settings) *Peers {
	return &Peers{
		settings: set, noise: limitedlog.New(set.Logger, noisePerPeriod),
		dialer: kafkaclient.Dialer{ClientID: fmt.Sprintf("broker-%d", set.NodeID), Secure: set.TLS.over},
		beats:  make(map[int32]*line), feeds: make(map[int32]*line),
	}
}

// line is a connection that is made when it is needed, and again after it has failed.
type line struct {
	mu      sync.Mutex        // held for the length of a request
	conn    *kafkaclient.Conn // nil when there is none
	session session           // of fetches
}

// on returns the line to a broker.
func (p *Peers) on(lines map[int32]*line, node int32) *line {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := lines[node]
	if l == nil {
		l = new(line)
		lines[node] = l
	}
	return l
}

// connect connects a line that is not, to the broker's current address. A new connection has no fetch session.
func (p *Peers) connect(ctx context.Context, l *line, node int32) error {
	address, ok := p.settings.Address(node)
	if l.conn != nil && (!ok || l.conn.Address() != address) {
		l.hangUp()
	}
	if !ok {
		return fault.New(fault.BrokerNotAvailable, "broker %d has no address", node)
	}
	if l.conn != nil {
		return nil
	}
	c, err := p.dialer.Dial(ctx, address)
	if err != nil {
		return p.distrusted(ctx, node, unreachable(ctx, node, err))
	}
	if !p.keep(l, c) {
		return fault.New(fault.BrokerNotAvailable, "this broker is stopping")
	}
	return nil
}

// ask sends a request over a connected line and returns the answer. The caller checks the error codes in it.
func (p *Peers) ask(ctx context.Context, l *line, node int32, req kmsg.Request) (kmsg.Response, error) {
	resp, err := l.conn.Request(ctx, req)
	if err != nil {
		l.hangUp()
		return nil, p.distrusted(ctx, node, unreachable(ctx, node, err))
	}
	return resp, nil
}

// keep gives a line its connection, unless the peers are closed.
func (p *Peers) keep(l *line, c *kafkaclient.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return false
	}
	l.conn, l.session = c, session{}
	return true
}

// Gone reports whether a broker's process has ended: its machine answers, but nothing listens at the broker's address.
func (p *Peers) Gone(ctx context.Context, node int32) bool {
	address, ok := p.settings.Address(node)
	if !ok {
		return false
	}
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// hangUp closes the connection, and with it the fetch session.
func (l *line) hangUp() {
	l.conn.Close()
	l.conn, l.session = nil, session{}
}

// Close ends all connections. The contexts of requests under way must have ended before.
func (p *Peers) Close() {
	p.mu.Lock()
	p.closed = true
	lines := make([]*line, 0, len(p.beats)+len(p.feeds))
	for _, of := range []map[int32]*line{p.beats, p.feeds} {
		for _, l := range of {
			lines = append(lines, l)
		}
	}
	p.mu.Unlock()
	for _, l := range lines {
		l.mu.Lock()
		if l.conn != nil {
			l.hangUp()
		}
		l.mu.Unlock()
	}
}

// unreachable is the error for a broker that cannot be reached.
func unreachable(ctx context.Context, node int32, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.New(fault.BrokerNotAvailable, "broker %d: %w", node, err)
}

// faultOf returns what an error code in another broker's answer means, nil for none.
func faultOf(code int16) error {
	err := kafkaerrors.Fault(code, nil)
	if errors.Is(err, fault.ClusterAuthorizationFailed) {
		return fault.New(fault.ClusterAuthorizationFailed,
			"the other broker does not accept this one as a broker of its cluster: "+
				"cluster.ca_file, cert_file and key_file must be set here, and a certificate that names a node must name this one")
	}
	return err
}

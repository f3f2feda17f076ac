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

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// Settings say who this broker is to the others.
type Settings struct {
	NodeID int32
	// Address returns where a broker listens for the others, host:port; ok is false when that is not known.
	Address func(node int32) (address string, ok bool)
	TLS     TLS // nil: in the clear
	Logger  *slog.Logger
}

// noisePerPeriod is how many lines about connections may be written per limitedlog.Period: they are made again and again.
const noisePerPeriod = 5

// Peers talks to the other brokers. It has two connections to each: heartbeats must not wait behind records.
type Peers struct {
	settings Settings
	noise    *limitedlog.Log

	mu     sync.Mutex
	beats  map[int32]*line
	feeds  map[int32]*line
	closed bool
}

var _ ports.Peers = (*Peers)(nil)

// New returns the peers of this broker. Close ends all connections.
func New(set Settings) *Peers {
	return &Peers{settings: set, noise: limitedlog.New(set.Logger, noisePerPeriod), beats: make(map[int32]*line), feeds: make(map[int32]*line)}
}

// line is a connection that is made when it is needed, and again when it has broken.
type line struct {
	mu      sync.Mutex // held for the length of a request
	conn    *conn      // nil when there is none
	session session    // of fetches
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

// ask sends a request over a line and reads its answer, but for the error in it. A broker that has moved is asked at its new address.
func (p *Peers) ask(ctx context.Context, l *line, node int32, req kmsg.Request, resp kmsg.Response) error {
	address, ok := p.settings.Address(node)
	if !ok {
		return fault.New(fault.BrokerNotAvailable, "broker %d has no address", node)
	}
	if l.conn != nil && l.conn.address != address {
		l.hangUp()
	}
	if l.conn == nil {
		c, err := dial(ctx, p.settings.TLS, address, fmt.Sprintf("broker-%d", p.settings.NodeID))
		if err != nil {
			return p.distrusted(ctx, node, unreachable(ctx, node, err))
		}
		if !p.keep(l, c) {
			return fault.New(fault.BrokerNotAvailable, "this broker is stopping")
		}
	}
	if err := l.conn.do(ctx, req, resp); err != nil {
		l.hangUp()
		return p.distrusted(ctx, node, unreachable(ctx, node, err))
	}
	return nil
}

// keep gives a line its connection, unless all is closed.
func (p *Peers) keep(l *line, c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.close()
		return false
	}
	l.conn, l.session = c, session{}
	return true
}

// Gone reports whether a broker's process has ended: its machine is there, and nobody listens at the broker's address.
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

// hangUp ends the connection. A fetch session ends with it.
func (l *line) hangUp() {
	l.conn.close()
	l.conn, l.session = nil, session{}
}

// Close ends all connections. Requests that are under way have ended before, with their contexts.
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

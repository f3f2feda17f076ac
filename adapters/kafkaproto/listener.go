package kafkaproto

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/chronik-stream/chronik/internal/pause"
)

// Listener is an address on which clients are served.
type Listener struct {
	Name       string // Kafka's listener name, such as PLAINTEXT
	Address    string // host:port to bind; an empty host binds all addresses, port 0 a free port
	Advertised string // host:port for clients; "": each client gets the local address of its connection
}

// listener is a Listener with its socket.
type listener struct {
	name, address  string
	advertisedHost string // "" for none
	advertisedPort int32
	ln             net.Listener
}

func (s *Server) addListener(l Listener) error {
	added := &listener{name: l.Name, address: l.Address}
	if l.Advertised != "" {
		host, port, err := net.SplitHostPort(l.Advertised)
		if err != nil {
			return fmt.Errorf("advertised address of listener %s: %w", l.Name, err)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || host == "" {
			return fmt.Errorf("advertised address %q of listener %s: want host:port", l.Advertised, l.Name)
		}
		added.advertisedHost, added.advertisedPort = host, int32(n)
	}
	s.listeners = append(s.listeners, added)
	return nil
}

func (l *listener) listen(ctx context.Context) (err error) {
	var config net.ListenConfig
	l.ln, err = config.Listen(ctx, "tcp", l.address)
	return err
}

func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		if l.ln != nil {
			_ = l.ln.Close() // a listener that was closed before
		}
	}
}

// accept accepts connections until the listener is closed, which happens when ctx ends.
func (s *Server) accept(ctx context.Context, l *listener) {
	backoff := time.Millisecond
	for {
		nc, err := l.ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// Usually the process has run out of file descriptors, and gets some back when connections end.
			s.noise.Warn(ctx, "connection not accepted", "listener", l.name, "err", err)
			pause.For(ctx, backoff)
			backoff = min(2*backoff, time.Second)
			continue
		}
		backoff = time.Millisecond
		s.admit(l, nc) //nolint:contextcheck // a connection ends with its own context, not with accepting
	}
}

// admit serves nc if the limits allow it.
func (s *Server) admit(l *listener, nc net.Conn) {
	remote := nc.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(remote); err == nil {
		remote = host
	}
	c := newConn(s, l, nc, remote)
	if reason := s.register(c); reason != "" {
		c.close()
		s.noise.Warn(c.ctx, "connection refused", "client", remote, "listener", l.name, "limit", reason)
		if s.metrics != nil {
			s.metrics.ConnectionRefused(l.name, reason)
		}
		return
	}
	if s.metrics != nil {
		s.metrics.ConnectionOpened(l.name)
	}
	go func() {
		defer s.serving.Done()
		defer s.unregister(c)
		c.serve()
	}()
}

// register counts c. It returns the limit that refuses it, "" for none.
func (s *Server) register(c *conn) (limit string) {
	most, mostPerIP := s.services.Configs.Int("max.connections"), s.services.Configs.Int("max.connections.per.ip")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return "broker is stopping"
	case s.connMemory+connectionCost > s.limits.ConnectionMemory:
		return "memory"
	case int64(len(s.conns)) >= most:
		return "max.connections"
	case int64(s.perIP[c.remote]) >= mostPerIP:
		return "max.connections.per.ip"
	}
	s.conns[c] = struct{}{}
	c.cost = connectionCost
	s.connMemory += c.cost
	s.perIP[c.remote]++
	s.serving.Add(1)
	return ""
}

// grow counts n more bytes for c, which is registered, if that many are left.
func (s *Server) grow(c *conn, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connMemory+n > s.limits.ConnectionMemory {
		return false
	}
	c.cost += n
	s.connMemory += n
	return true
}

func (s *Server) unregister(c *conn) {
	s.lost(c)
	s.mu.Lock()
	delete(s.conns, c)
	s.connMemory -= c.cost
	if s.perIP[c.remote]--; s.perIP[c.remote] <= 0 {
		delete(s.perIP, c.remote)
	}
	s.mu.Unlock()
	if s.metrics != nil {
		s.metrics.ConnectionClosed(c.listener.name)
	}
}

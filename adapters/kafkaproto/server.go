package kafkaproto

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/chronik-stream/chronik/adapters/kafkaproto/budget"
	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// noisePerPeriod limits the log lines that clients can cause per limitedlog.Period.
const noisePerPeriod = 10

// Settings are a Server's listeners, services and limits.
type Settings struct {
	Listeners []Listener
	NodeID    int32 // of this broker
	Services  Services
	// Only lists the keys of the APIs that are served, nil for all. A connection with another request is closed without
	// an answer, as if nothing listened: clients retry, or use another broker. Services that these APIs do not need may
	// be nil.
	Only    []int16
	Nodes   *Nodes // nil: any client may act as a node of the cluster, or there is no cluster
	Limits  Limits
	Logger  *slog.Logger // required
	Metrics Metrics      // nil: no metrics
	Tracer  trace.Tracer // nil: no traces
	// Interceptor sees requests before they are served; nil for none. While it wants Produce, large requests of that API
	// are received as a whole.
	Interceptor Interceptor
}

// CloseTime is how long requests may take to end after their connections were closed.
const CloseTime = 2 * time.Second

// connectionCost estimates the bytes of memory that a connection without a request takes: its goroutine's stack, its
// buffer, the topics that it remembers.
const connectionCost = 8 << 10

// Limits bound what clients can make the server hold. Limits for which Kafka has a config (connections in all and per
// address, idle time, size of a request) are read from Services.Configs, when they are needed.
type Limits struct {
	// From the broker's settings: bytes of memory, all above 0, and time.
	ConnectionMemory int64         // that connections may take without their requests
	RequestMemory    int64         // that requests may take together
	ResponseMemory   int64         // that large answers may take together
	Grace            time.Duration // how long requests under way may take when the server stops; 0 ends them at once

	// Set by tests only; 0 stands for the default.
	PendingAnswers int           // requests of one connection that wait for their answer; default 128
	Stall          time.Duration // how long a frame or an answer may make no progress; default 30 s
	Handshake      time.Duration // how long the TLS handshake of another node may take; default 10 s
	Start          time.Duration // how long requests about the cluster wait until the broker is unfenced; default 5 s
}

// complete fills in the defaults, and refuses limits without memory.
func (l *Limits) complete() error {
	if l.ConnectionMemory <= 0 || l.RequestMemory <= 0 || l.ResponseMemory <= 0 {
		return fmt.Errorf("memory of %d bytes for connections, %d for requests and %d for answers: want some for each",
			l.ConnectionMemory, l.RequestMemory, l.ResponseMemory)
	}
	l.PendingAnswers = cmp.Or(l.PendingAnswers, 128)
	l.Stall = cmp.Or(l.Stall, 30*time.Second)
	l.Handshake = cmp.Or(l.Handshake, 10*time.Second)
	l.Start = cmp.Or(l.Start, 5*time.Second)
	return nil
}

// Server speaks the Kafka protocol on its listeners.
type Server struct {
	nodeID      int32
	services    Services
	nodes       *Nodes
	limits      Limits
	log         *slog.Logger
	noise       *limitedlog.Log // for what clients can cause
	metrics     Metrics
	tracer      trace.Tracer
	interceptor Interceptor

	apis        []*api // by key; nil where there is none
	partial     bool   // Settings.Only is set
	versions    apiVersions
	maxStream   int // bytes of a request
	maxFrame    int // bytes of a request that is held as a whole
	streamAbove int // bytes above which a request is decoded while it arrives, if its API can
	frames      *budget.Budget
	answers     *budget.Budget
	buffers     *buffers
	exchanges   exchanges
	windows     wire.Windows
	produces    sync.Pool
	fetches     sync.Pool

	tick     atomic.Int64 // counts tickLength; the clock of idle connections
	tickTime time.Duration

	listeners []*listener

	mu         sync.Mutex
	conns      map[*conn]struct{}
	connMemory int64 // bytes that connections are counted with
	perIP      map[string]int
	heartbeats map[int32]*conn // the connection of each broker's last heartbeat
	draining   bool
	serving    sync.WaitGroup // connections' goroutines
}

// New returns a server that does not listen yet.
func New(s Settings) (*Server, error) {
	if err := s.Limits.complete(); err != nil {
		return nil, err
	}
	srv := &Server{
		nodeID: s.NodeID, services: s.Services, nodes: s.Nodes, limits: s.Limits,
		log: s.Logger, metrics: s.Metrics, tracer: s.Tracer,
		interceptor: s.Interceptor,
		noise:       limitedlog.New(s.Logger, noisePerPeriod),
		frames:      budget.New(s.Limits.RequestMemory),
		answers:     budget.New(s.Limits.ResponseMemory),
		buffers:     newBuffers(),
		tickTime:    time.Second,
		streamAbove: streamAbove,
		conns:       make(map[*conn]struct{}),
		perIP:       make(map[string]int),
		heartbeats:  make(map[int32]*conn),
	}
	srv.apis = indexAPIs(apiTable())
	if srv.partial = s.Only != nil; srv.partial {
		for key := range srv.apis {
			if !slices.Contains(s.Only, int16(key)) {
				srv.apis[key] = nil
			}
		}
	}
	srv.versions = advertised(srv.apis, s.Services.Voters != nil)
	for _, l := range s.Listeners {
		if err := srv.addListener(l); err != nil {
			return nil, err
		}
	}
	if len(srv.listeners) == 0 {
		return nil, errors.New("no listener is configured")
	}
	return srv, nil
}

// Listen binds all listeners. It is separate from Run so that the addresses are known and bound before anything is
// served.
func (s *Server) Listen(ctx context.Context) error {
	s.maxStream = int(s.services.Configs.Int("socket.request.max.bytes"))
	if s.nodes != nil {
		s.maxStream = min(s.maxStream, largestBesideTLS)
	}
	s.maxFrame = int(min(int64(s.maxStream), s.limits.RequestMemory))
	for _, l := range s.listeners {
		if err := l.listen(ctx); err != nil {
			s.closeListeners()
			return fmt.Errorf("listen on %s for listener %s: %w", l.address, l.name, err)
		}
	}
	return nil
}

// Addrs returns the addresses that Listen has bound, in the order of Settings.Listeners.
func (s *Server) Addrs() []net.Addr {
	addrs := make([]net.Addr, len(s.listeners))
	for i, l := range s.listeners {
		addrs[i] = l.ln.Addr()
	}
	return addrs
}

// Run serves until ctx ends. Then it accepts no more, lets requests under way finish for Limits.Grace, and closes.
// Listen must have been called.
func (s *Server) Run(ctx context.Context) error {
	var accepting sync.WaitGroup
	for _, l := range s.listeners {
		accepting.Go(func() { s.accept(ctx, l) })
	}
	ticking := make(chan struct{})
	var ticker sync.WaitGroup
	ticker.Go(func() { s.watchIdle(ticking) })

	<-ctx.Done()
	s.closeListeners()
	accepting.Wait()
	s.stopConns()
	if s.limits.Grace > 0 && !s.awaitConns(s.limits.Grace) {
		s.log.Warn("connections closed with requests under way", "grace", s.limits.Grace)
	}
	s.eachConn((*conn).close)
	var err error
	if !s.awaitConns(CloseTime) {
		err = errors.New("requests did not end after their connections were closed")
	}
	close(ticking)
	ticker.Wait()
	return err
}

// Connections returns the number of open connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// MemoryUsed returns the bytes that frames and large answers hold now.
func (s *Server) MemoryUsed() (frames, answers int64) { return s.frames.Used(), s.answers.Used() }

func (s *Server) eachConn(do func(*conn)) {
	s.mu.Lock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

func (s *Server) stopConns() {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.eachConn((*conn).stop)
}

// awaitConns reports whether all connections ended within d.
func (s *Server) awaitConns(d time.Duration) bool {
	ended := make(chan struct{})
	go func() {
		s.serving.Wait()
		close(ended)
	}()
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	select {
	case <-ended:
		return true
	case <-timeout.C:
		return false
	}
}

// stillServed is how many ticks a request is served before the server looks whether its client is gone.
const stillServed = 2

// watchIdle advances the tick and closes connections that are idle for longer than connections.max.idle.ms, that have
// stalled in the middle of a frame or an answer, or whose client is gone while its request is served. Such a request
// may wait for long: a command does while the cluster has no majority.
func (s *Server) watchIdle(stop <-chan struct{}) {
	t := time.NewTicker(s.tickTime)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		now := s.tick.Add(1)
		idle := s.ticks(time.Duration(s.services.Configs.Int("connections.max.idle.ms")) * time.Millisecond)
		stall := s.ticks(s.limits.Stall)
		s.eachConn(func(c *conn) {
			still := now - c.active.Load()
			if still < min(idle, stall, stillServed) {
				return
			}
			switch c.doing() {
			case doesNothing:
				if still > idle {
					c.close()
				}
			case moves:
				if still > stall {
					s.noise.Warn(c.ctx, "connection closed because it stalled",
						"client", c.remote, "listener", c.listener.name)
					c.close()
				}
			case works:
				if c.raw != nil && ended(c.raw) {
					c.close()
				}
			}
		})
	}
}

// ticks returns d in ticks, rounded up; a negative d means no limit.
func (s *Server) ticks(d time.Duration) int64 {
	if d < 0 {
		return 1<<63 - 1
	}
	return int64((d + s.tickTime - 1) / s.tickTime)
}

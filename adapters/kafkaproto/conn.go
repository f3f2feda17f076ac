package kafkaproto

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/chronik-stream/chronik/adapters/kafkaproto/budget"
	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
)

// readAhead is how much of its input a connection buffers. It is small, because idle connections keep it; larger reads
// bypass it.
const readAhead = 512

// Limits of what a connection remembers of its client.
const (
	maxInterned = 128 // names of topics
	maxKeptID   = 256 // bytes of its id and of its software
)

// conn is one client's connection. Its reader goroutine owns what is not guarded otherwise.
type conn struct {
	server   *Server
	listener *listener
	nc       net.Conn
	stream   net.Conn        // carries requests and answers: nc, or TLS over it; set before the first request
	raw      syscall.RawConn // of nc; nil when nc is no TCP connection
	node     *node           // the node at the other end; nil for a client
	cost     int64           // bytes of memory that it is counted with; guarded by server.mu
	in       *bufio.Reader
	head     [4]byte // of the next frame: its size
	remote   string  // the client's address, as it is counted

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	waits  context.Context // ends with ctx, and earlier when the server drains
	drain  context.CancelFunc

	client   string            // the client's id, as last sent; an id that is too long is cut
	software string            // its name and version (KIP-511)
	topics   map[string]string // names of topics that exist, shared with the metadata
	largest  int               // bytes of the largest frame so far

	active  atomic.Int64 // the server's tick when bytes last moved
	reading atomic.Bool  // a frame has begun and has not ended

	mu      sync.Mutex
	room    sync.Cond   // signals that an exchange has left the queue
	queue   []*exchange // requests whose answer is not sent yet, in order
	writing bool        // a goroutine is in write
	sending []*exchange // scratch of write
	vector  net.Buffers // scratch of write
}

func newConn(s *Server, l *listener, nc net.Conn, remote string) *conn {
	c := &conn{server: s, listener: l, nc: nc, stream: nc, in: bufio.NewReaderSize(nil, readAhead), remote: remote}
	c.in.Reset(activeReader{c})
	c.room.L = &c.mu
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.waits, c.drain = context.WithCancel(c.ctx)
	c.active.Store(s.tick.Load())
	if tcp, ok := nc.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	return c
}

// activeReader records when bytes arrive.
type activeReader struct{ c *conn }

func (r activeReader) Read(p []byte) (int, error) {
	n, err := r.c.nc.Read(p)
	r.c.active.Store(r.c.server.tick.Load())
	return n, err
}

// serve reads and serves requests until the connection ends, then waits for the outstanding answers.
func (c *conn) serve() {
	err := c.recognize()
	if err == nil {
		err = c.readRequests()
	}
	var (
		bad     badInput
		unknown stranger
	)
	switch {
	case errors.As(err, &unknown):
		if c.waits.Err() == nil {
			c.server.noise.Warn(c.ctx, "connection refused: TLS is for nodes of the cluster only",
				"client", c.nc.RemoteAddr().String(),
				"listener", c.listener.name, "err", unknown.error)
		}
	case errors.As(err, &bad):
		c.server.noise.Warn(c.ctx, "connection closed for bad input", "client", c.nc.RemoteAddr().String(),
			"listener", c.listener.name, "client_id", c.client, "software", c.software, "err", bad.error)
	case errors.Is(err, errNotServed), errors.Is(err, errHungUp):
	case err != nil && !closedByPeer(err) && c.ctx.Err() == nil && c.waits.Err() == nil:
		c.server.noise.Info(c.ctx, "connection lost", "client", c.nc.RemoteAddr().String(), "err", err)
	}
	if err != nil && c.waits.Err() == nil {
		c.close() // answers would not be read any more
	}
	c.mu.Lock()
	for len(c.queue) > 0 || c.writing {
		c.room.Wait()
	}
	c.mu.Unlock()
	c.close()
}

// errNotServed ends a connection on a request that this server does not serve yet.
var errNotServed = errors.New("not served yet")

func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// close ends the connection at once. Any goroutine may call it, more than once.
func (c *conn) close() {
	c.cancel()
	_ = c.nc.Close() // nothing can be done about a failed close
}

// stop ends the connection after the requests under way: nothing more is read, and waiting requests are ended.
func (c *conn) stop() {
	c.drain()
	_ = c.nc.SetReadDeadline(time.Now()) // fails on a closed connection only
}

func (c *conn) readRequests() error {
	for {
		x := c.server.exchanges.get()
		x.conn = c
		if err := c.receive(x); err != nil {
			c.server.exchanges.put(x)
			return err
		}
		if err := c.exchange(x); err != nil {
			return err
		}
		if c.waits.Err() != nil {
			return nil //nolint:nilerr // a stop of the server is no error of the connection
		}
	}
}

// exchange serves the request that x has received, or has begun to receive. From then on x belongs to the queue. An
// error ends the connection.
func (c *conn) exchange(x *exchange) (err error) {
	c.enqueue(x)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			x.poisoned = true
			c.server.noise.Error(c.ctx, "request handler panicked", "api", x.apiName(), "panic", p,
				"stack", string(debug.Stack()))
			c.close()
		}
		if err != nil {
			x.silent = true
			c.ready(x)
		}
		c.served(x)
	}()
	x.began = time.Now()
	r := wire.NewStreamReader(x.stream, false)
	if x.stream == nil {
		r = wire.NewReader(x.frame.buf.b, false)
	}
	h, err := parseHeader(&r, c.server.flexible)
	if err != nil {
		return err
	}
	x.version = h.version
	x.correlation = h.correlation
	x.clientID = c.identify(h.clientID)
	x.body = r.Rest()
	x.ctx = c.ctx
	x.api = c.server.api(h.key)
	if x.api == nil && c.server.partial {
		return errNotServed
	}
	if x.api == nil {
		return badInput{fmt.Errorf("unknown API key %d", h.key)}
	}
	if h.version < x.api.min || h.version > x.api.max {
		if h.key != apiVersionsKey {
			return badInput{fmt.Errorf("%s version %d is not supported", x.api.name, h.version)}
		}
		return x.answerUnknownApiVersions()
	}
	c.server.trace(x)
	if x.stream == nil && c.server.intercepts(h.key) {
		if answered, err := x.intercepted(); answered || err != nil {
			return err
		}
	}
	return x.api.serve(x)
}

func (x *exchange) apiName() string {
	if x.api == nil {
		return "unknown"
	}
	return x.api.name
}

// enqueue puts x at the end of the queue, when there is room.
func (c *conn) enqueue(x *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) >= c.server.limits.PendingAnswers {
		c.room.Wait()
	}
	x.serving = true
	c.queue = append(c.queue, x)
}

// ready marks x as answered. Any goroutine may call it, and it does not block: when an answer can be sent and the
// reader is not about to do that, a goroutine is started.
func (c *conn) ready(x *exchange) {
	c.mu.Lock()
	x.ready = true
	start := !x.serving && c.mayWrite()
	c.writing = c.writing || start
	c.mu.Unlock()
	if start {
		go c.write()
	}
}

// served marks that the reader has left the handler of x. If the answer is ready and the next to be sent, the reader
// sends it.
func (c *conn) served(x *exchange) {
	c.mu.Lock()
	x.serving = false
	start := c.mayWrite()
	c.writing = c.writing || start
	c.mu.Unlock()
	if start {
		c.write()
	}
}

// mayWrite reports whether the head of the queue can be sent and no goroutine is doing it.
func (c *conn) mayWrite() bool {
	return !c.writing && len(c.queue) > 0 && c.queue[0].ready && !c.queue[0].serving
}

// identify returns the client's id as a string, and remembers it unless it is too long.
func (c *conn) identify(id []byte) string {
	if string(id) == c.client {
		return c.client
	}
	s := string(id)
	c.client = strings.Clone(s[:min(len(s), maxKeptID)])
	return s
}

// intern returns a topic's name as a string. For a topic that exists it is the metadata's own string, which takes no
// more memory.
func (c *conn) intern(b []byte) string {
	if s, ok := c.topics[string(b)]; ok {
		return s
	}
	t, ok := c.server.services.Metadata.Image().Topic(string(b))
	if !ok {
		return string(b)
	}
	if c.topics == nil {
		c.topics = make(map[string]string)
	}
	if len(c.topics) < maxInterned {
		c.topics[t.Name] = t.Name
	}
	return t.Name
}

// host returns the address by which clients reach this broker: the advertised one, or else the local address of this
// connection.
func (c *conn) host() (string, int32) {
	if c.listener.advertisedHost != "" {
		return c.listener.advertisedHost, c.listener.advertisedPort
	}
	if a, ok := c.nc.LocalAddr().(*net.TCPAddr); ok {
		return hostOf(a), int32(a.Port)
	}
	return "localhost", 0
}

// hostOf returns the host of an address of this machine. A link-local address of IPv6 needs its zone, which is named by
// this machine. A client whose machine has another name for it needs an advertised address.
func hostOf(a *net.TCPAddr) string {
	if a.Zone != "" {
		return a.IP.String() + "%" + a.Zone
	}
	return a.IP.String()
}

// peer returns the client's address as Kafka shows it in DescribeGroups.
func (c *conn) peer() string { return "/" + c.remote }

// take adds n bytes of b to l. It returns early when the client disconnects.
func (c *conn) take(l *budget.Lease, b *budget.Budget, n int) error {
	if b.Try(l, int64(n)) {
		return nil
	}
	reading := c.reading.Swap(false) // the wait is not the client's stall
	stop := c.watch()
	err := l.Take(c.waits, b, int64(n))
	stop()
	c.active.Store(c.server.tick.Load())
	c.reading.Store(reading)
	return err
}

// watchInterval is how often a connection with a busy reader is checked for whether its client is still connected.
const watchInterval = time.Second

// watch closes the connection when the client disconnects while the reader is not reading. It costs a timer, and no
// system call before the first interval is over. stop ends it.
func (c *conn) watch() (stop func()) {
	if c.raw == nil {
		return func() {}
	}
	var (
		mu      sync.Mutex
		t       *time.Timer
		stopped bool
	)
	mu.Lock() // until t is set
	defer mu.Unlock()
	t = time.AfterFunc(watchInterval, func() {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case stopped:
		case hungUp(c.raw):
			c.close()
		default:
			t.Reset(watchInterval)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		t.Stop()
	}
}

// activity is what a connection is doing, for the detection of dead ones.
type activity int8

const (
	doesNothing activity = iota // waits for a request
	moves                       // a frame is arriving or an answer leaving: bytes should move
	works                       // a request is being served
)

func (c *conn) doing() activity {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.writing, c.reading.Load():
		return moves
	case len(c.queue) > 0:
		return works
	}
	return doesNothing
}

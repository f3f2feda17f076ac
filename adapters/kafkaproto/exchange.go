package kafkaproto

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/otel/trace"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/adapters/kafkaproto/budget"
	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// exchange is one request and its answer.
type exchange struct {
	conn        *conn
	api         *api
	ctx         context.Context // of the request; ends with the connection
	version     int16
	correlation int32
	clientID    string
	frame       frame
	body        []byte       // the request without its header; part of frame
	stream      *wire.Stream // the request instead, when it is decoded while it arrives
	began       time.Time
	size        int // of the request, in bytes
	cost        int // of its decoded form, in bytes
	errors      int // that the answer carries
	parts       int // bytes that the answer takes, as far as grow has counted them
	span        trace.Span

	// The answer. It is sent when ready is set and the exchange is at the head of its connection's queue.
	ready   bool // guarded by conn.mu
	serving bool // the reader is in the handler; guarded by conn.mu
	silent  bool // there is no answer: Produce with acks=0
	lost    bool // the connection is closed instead of sending the answer
	// poisoned is set when the handler has panicked. The exchange may still be referenced then, so it is not reused.
	poisoned bool
	later    deferred
	out      *buffer                 // nil until it is encoded
	files    []fileRange             // parts that are inserted between the bytes of out
	copied   int                     // bytes of out that came from files
	fetched  *replicas.FetchResponse // holds the files; nil unless it is a Fetch
	lease    budget.Lease            // of the answers' budget
}

// deferred becomes an answer after the reader has left the handler.
type deferred interface {
	encode(*exchange)
	release()
}

// fileRange is a part of an answer that comes from a file.
type fileRange struct {
	after int // the position in the encoded answer behind which it is sent
	slice ports.Slice
}

// exchanges is a pool of exchanges, so that a request costs no allocation of its own.
type exchanges struct{ pool sync.Pool }

func (p *exchanges) get() *exchange {
	if x, ok := p.pool.Get().(*exchange); ok {
		return x
	}
	return new(exchange)
}

func (p *exchanges) put(x *exchange) {
	*x = exchange{files: x.files[:0]}
	p.pool.Put(x)
}

// services returns the services that the handlers call.
func (x *exchange) services() *Services { return &x.conn.server.services }

// code returns Kafka's code for err, counts it, and logs an error that should not have happened.
func (x *exchange) code(err error) int16 {
	if err == nil {
		return 0
	}
	code, known := kafkaerrors.Code(err)
	x.countError(code)
	if !known {
		x.conn.server.noise.Error(x.ctx, "request met an unexpected error", "api", x.api.name,
			"client_id", x.clientID, "err", err)
	}
	return code
}

// countError counts an error code that the answer carries.
func (x *exchange) countError(code int16) {
	x.errors++
	if m := x.conn.server.metrics; m != nil {
		m.ErrorAnswered(x.api.name, x.conn.listener.name, kafkaerrors.Name(code))
	}
}

// changes returns the log for what a client changes in the cluster. It names the client, because an operator may have
// to find out who has deleted a topic.
func (x *exchange) changes() *slog.Logger {
	return x.conn.server.log.With("client", x.conn.remote, "client_id", x.clientID)
}

// reserve reserves n bytes of the answers' budget for an answer that may be large.
func (x *exchange) reserve(n int) error {
	return x.conn.take(&x.lease, x.conn.server.answers, n)
}

// grow adds n bytes to an answer that is made in parts, and reserves them unless it is small.
func (x *exchange) grow(n int) error {
	if x.parts += n; x.parts <= cheapRequest {
		return nil
	}
	return x.reserve(n)
}

// reservePart reserves n bytes of the answers' budget for one of the things that a request has named, such as a group.
// A request of a few bytes may name one that is large again and again. So what exceeds the budget together is refused,
// with an error of this kind. Clients send what was refused with a retriable error again, without the rest.
func (x *exchange) reservePart(kind fault.Kind, n int) error {
	if most := x.conn.server.limits.ResponseMemory; int64(x.parts+n) > most {
		return fault.New(kind, "the answer would take over %d bytes of memory: ask for less at once", most)
	}
	return x.grow(n)
}

// waiting returns a context for a request that waits for other clients or for time. It ends as soon as the server
// stops, and, with watch, when the client disconnects. stop must be called. Memory that was counted for the request is
// given back: a waiting request must not hold what others wait for.
func (x *exchange) waiting(watch bool) (ctx context.Context, stop func()) {
	x.lease.Return()
	ctx = x.conn.waits
	if x.span != nil {
		ctx = trace.ContextWithSpan(ctx, x.span)
	}
	if !watch {
		return ctx, func() {}
	}
	return ctx, x.conn.watch()
}

// malformed adds the API and version to err.
func (x *exchange) malformed(err error) error {
	return fmt.Errorf("%s version %d: %w", x.api.name, x.version, err)
}

// start begins the answer with its size, to be filled in by finish, and its header.
func (x *exchange) start(flexible bool, room int) wire.Writer {
	x.out = x.conn.server.buffers.get(max(room, smallestBuffer))
	w := wire.Writer{B: x.out.b[:4], Flexible: flexible}
	w.Int32(x.correlation)
	w.NoTags()
	return w
}

// finish stores the encoded answer and fills in its size, which includes the files' bytes.
func (x *exchange) finish(w wire.Writer) {
	x.out.b = w.B
	size := len(w.B) - 4
	for _, f := range x.files {
		size += f.slice.Size
	}
	binary.BigEndian.PutUint32(w.B, uint32(size))
}

// respond encodes a message of kmsg as the answer.
func (x *exchange) respond(resp kmsg.Response) {
	resp.SetVersion(x.version)
	x.encode(resp, x.version)
}

func (x *exchange) encode(resp kmsg.Response, version int16) {
	resp.SetVersion(version)
	w := x.start(resp.IsFlexible() && resp.Key() != apiVersionsKey, smallestBuffer)
	w.B = resp.AppendTo(w.B)
	x.finish(w)
}

// done releases everything that the exchange holds. Nothing may use it afterwards.
func (x *exchange) done() {
	s := x.conn.server
	if x.poisoned {
		x.frame.lease.Return()
		x.lease.Return()
		return
	}
	sent := 0
	if x.out != nil {
		sent = len(x.out.b)
		s.buffers.put(x.out)
	}
	for _, f := range x.files {
		sent += f.slice.Size
	}
	if x.fetched != nil {
		x.fetched.Release()
	}
	if x.later != nil {
		x.later.release()
	}
	x.frame.release()
	x.lease.Return()
	if x.api != nil {
		s.observe(x, sent)
	}
	s.exchanges.put(x)
}

package chroniktest

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chronik-stream/chronik"
	"github.com/chronik-stream/chronik/wiring"
)

// grace is how long requests under way may take when a broker is closed: clients of a test that has ended are not
// waited for.
const grace = time.Second

// quick are the configs that differ from Kafka's defaults unless a test sets them: the first member of a group does not
// wait for others.
var quick = map[string]string{"group.initial.rebalance.delay.ms": "0"} //nolint:gochecknoglobals // a table

// TestBroker is a broker that belongs to a test. Its methods may be called concurrently.
type TestBroker struct {
	t      testing.TB
	server *wiring.Server
	close  func() error
	hooks  hooks
	ahead  atomic.Int64 // nanoseconds by which the broker's clock is ahead of the machine's
}

// Broker starts a broker in memory for a test, and closes it when the test has ended. Topics are made when a client
// that may create topics asks for them.
func Broker(t testing.TB) *TestBroker {
	t.Helper()
	return BrokerWith(t, chronik.Options{})
}

// BrokerWith is Broker with options. Without a logger the broker writes what is wrong to the test's log. Without
// another value, group.initial.rebalance.delay.ms is 0. In a directory it allocates no reserve, and refuses no records
// before the disk is full.
func BrokerWith(t testing.TB, options chronik.Options) *TestBroker {
	t.Helper()
	b := &TestBroker{t: t}
	given := options.Configs
	options.Configs = maps.Clone(quick)
	maps.Copy(options.Configs, given)
	if options.Logger == nil {
		options.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	server, err := wiring.Embed(t.Context(), wiring.Embedding{
		EmbedOptions: wiring.EmbedOptions(options), Grace: grace, NoReserve: true,
		Seams: wiring.Seams{Clock: b.Now, Interceptor: &b.hooks},
	})
	if err != nil {
		t.Fatalf("start broker: %v", err)
	}
	b.server, b.close = server, sync.OnceValue(server.Close)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close broker: %v", err)
		}
	})
	return b
}

// Addr returns the address of the first listener as "host:port", for a client to connect to.
func (b *TestBroker) Addr() string { return b.server.Addr().String() }

// Addrs returns the addresses of all listeners, in the order of chronik.Options.Listen.
func (b *TestBroker) Addrs() []string {
	var addrs []string
	for _, a := range b.server.Addrs() {
		addrs = append(addrs, a.String())
	}
	return addrs
}

// Done is closed when the broker has stopped: because it was closed, or by itself when a part of it has failed.
func (b *TestBroker) Done() <-chan struct{} { return b.server.Done() }

// Close stops the broker before its test ends, for a test of what clients do then. A second Close does nothing.
func (b *TestBroker) Close() error { return b.close() }

// Now returns the time by the broker's clock.
func (b *TestBroker) Now() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }

// Advance moves the broker's clock ahead, and returns when the broker has done everything that is due by then: members
// without a heartbeat within their session time-out have been removed from their groups, records past their retention
// are deleted, and so on. Clients do nothing in the skipped time, so that live members have not sent heartbeats either.
// It does nothing to a broker that is closed.
func (b *TestBroker) Advance(d time.Duration) {
	b.t.Helper()
	if d < 0 {
		b.t.Fatalf("the clock cannot be moved back by %v", -d)
	}
	b.ahead.Add(int64(d))
	if err := b.server.CatchUp(context.WithoutCancel(b.t.Context())); err != nil {
		b.t.Errorf("after the clock was moved by %v: %v", d, err)
	}
}

package chronik

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/chronik-stream/chronik/wiring"
)

// Options say how a broker is to run. The zero value is ready for use: a broker in memory, at a free port of the
// loopback interface, with Kafka's defaults.
type Options struct {
	// Dir is the directory that holds everything: records, metadata, and a lock against a second broker. It is created
	// if it is missing. Without one, everything is kept in memory until the broker is closed; retention frees memory as
	// it frees a disk, so give topics a retention.bytes or retention.ms that this process can bear.
	Dir string

	// Listen are the addresses at which clients are served, "host:port" or "NAME=host:port" with a listener's name. An
	// empty host is every address of the machine, port 0 a free port. The default is "127.0.0.1:0".
	Listen []string

	// Advertised are the addresses that clients are told to connect to, with names as in Listen. Clients of a listener
	// without one are told the address of their connection, which is right unless something such as a port mapping
	// translates addresses on the way.
	Advertised []string

	// Configs are the broker's configs by Kafka's names, such as "num.partitions": "3", with Kafka's defaults.
	// docs/configs.md says what each does here.
	Configs map[string]string

	// Topics are created before clients are served. Existing topics are left unchanged. No name may occur twice, nor be
	// that of an internal topic, such as __consumer_offsets.
	Topics []Topic

	// Memory bounds, in bytes, what connections, requests, answers, fetch sessions, groups and producers take together;
	// records that are kept in memory do not count. When it is used up, clients wait. The least is 32 MiB, that is
	// 32<<20; 0 means 256 MiB.
	Memory int64

	// Logger gets the broker's log; nil discards it.
	Logger *slog.Logger
}

// Topic is a topic that a broker creates at its start: its Name; its Partitions, 0 for the broker's num.partitions; and
// its Configs by Kafka's names, such as "cleanup.policy": "compact".
type Topic = wiring.Topic

// Broker is a running broker. Its methods may be called concurrently.
type Broker struct {
	server *wiring.Server
	close  func() error
}

// Start starts a broker and returns when clients are served. ctx is for the start alone: afterwards the broker runs
// until Close. The error names the wrong option and what is allowed, the address that is in use, or the process that
// uses the directory.
func Start(ctx context.Context, options Options) (*Broker, error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	server, err := wiring.Embed(ctx, wiring.Embedding{EmbedOptions: wiring.EmbedOptions(options)})
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	return &Broker{server: server, close: sync.OnceValue(server.Close)}, nil
}

// Addr returns the address of the first listener as "host:port", for a client to connect to.
func (b *Broker) Addr() string { return b.server.Addr().String() }

// Addrs returns the addresses of all listeners, in the order of Options.Listen.
func (b *Broker) Addrs() []string {
	var addrs []string
	for _, a := range b.server.Addrs() {
		addrs = append(addrs, a.String())
	}
	return addrs
}

// Done is closed when the broker has stopped: after Close, or by itself when a part of it has failed.
func (b *Broker) Done() <-chan struct{} { return b.server.Done() }

// Close stops the broker and returns when it has stopped: requests in progress have been answered, everything is on
// disk, and no goroutine, open file or port is left. The error says why the broker had stopped before, or which part of
// the stop has failed; acknowledged records are safe even then. A second Close returns the same error.
func (b *Broker) Close() error { return b.close() }

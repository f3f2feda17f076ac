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
	// Dir is the directory that holds everything: records, metadata, and a lock against a second broker. It is made
	// when it is missing. Without one, everything is kept in memory until the broker is closed; retention frees memory
	// as it frees a disk, so give topics a retention.bytes or retention.ms that this process can bear.
	Dir string

	// Listen are the addresses at which clients are served, "host:port" or "NAME=host:port" with a listener's name. An
	// empty host is every address of the machine, port 0 a free port. None is for "127.0.0.1:0".
	Listen []string

	// Advertised are the addresses that clients are told to connect to, with names as in Listen. A client that is told
	// none of these is told the address at which it has arrived, which is right unless something translates addresses on
	// the way, as a port mapping does.
	Advertised []string

	// Configs are the broker's configs by Kafka's names, such as "num.partitions": "3". Defaults are Kafka's. In
	// docs/configs.md stands what each does here.
	Configs map[string]string

	// Topics are made before clients are served. Those that are there already stay as they are.
	Topics []Topic

	// Memory bounds, in bytes, what connections, requests, answers, fetch sessions, groups and producers take together;
	// records that are kept in memory are not among it. When it is used up, clients wait. 0 is for 256 MiB.
	Memory int64

	// Logger is where the broker logs; nil is for nowhere.
	Logger *slog.Logger
}

// Topic is a topic that a broker is to begin with: its Name; its Partitions, 0 for the broker's num.partitions; and its
// Configs by Kafka's names, such as "cleanup.policy": "compact".
type Topic = wiring.Topic

// Broker is a running broker. Its methods may be called concurrently.
type Broker struct {
	server *wiring.Server
	close  func() error
}

// Start starts a broker and returns when clients are served. ctx is for the start alone: afterwards the broker runs until
// Close. The error names what of the options is not allowed and what is, the address that is taken, or the process that
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

// Done is closed when the broker has stopped: because it was closed, or by itself when a part of it has failed.
func (b *Broker) Done() <-chan struct{} { return b.server.Done() }

// Close stops the broker and returns when it has: nobody is served any more, requests under way have been answered, what
// is on disk is complete, and no goroutine, file or port of it is left. The error says why the broker had stopped before,
// or what it could not do; what was acknowledged is safe all the same. A second Close returns the same.
func (b *Broker) Close() error { return b.close() }

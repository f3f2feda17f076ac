package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
)

// Early serves DescribeQuorum, and nothing else, on the client listeners while the node waits for other nodes and does
// not serve clients yet. It is not safe for concurrent use.
type Early struct {
	listeners []configs.Listener
	nodes     *kafkaproto.Nodes
	log       *slog.Logger
	cancel    context.CancelFunc // nil while it is closed
	done      chan error
}

var _ controller.Announcer = (*Early)(nil)

// NewEarly returns a server that is not open yet, and the cleanup that closes it.
func NewEarly(cfg *configs.Config, nodes *kafkaproto.Nodes, log *slog.Logger) (*Early, func()) {
	e := &Early{listeners: cfg.Listen, nodes: nodes, log: log}
	return e, func() { _ = e.Close() } // closed already, unless the start failed
}

// describeQuorum is the key of Kafka's DescribeQuorum.
const describeQuorum = 55

// Open implements controller.Announcer.
func (e *Early) Open(ctx context.Context, own *controller.OwnVoters) error {
	if e.cancel != nil {
		return nil
	}
	listeners := make([]kafkaproto.Listener, len(e.listeners))
	for i, l := range e.listeners {
		listeners[i] = kafkaproto.Listener{Name: l.Name, Address: l.Address}
	}
	server, err := kafkaproto.New(kafkaproto.Settings{
		Listeners: listeners, Services: kafkaproto.Services{Quorum: own, Configs: earlyLimits{}},
		Only:  []int16{describeQuorum},
		Nodes: e.nodes, Logger: e.log, Limits: kafkaproto.Limits{
			ConnectionMemory: 16 << 20, RequestMemory: 1 << 20, ResponseMemory: 1 << 20, Grace: time.Second,
		},
	})
	if err != nil {
		return err
	}
	if err := server.Listen(ctx); err != nil {
		return err
	}
	ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.done = make(chan error, 1)
	go func() { e.done <- server.Run(ctx) }()
	return nil
}

// Close implements controller.Announcer. It releases the addresses.
func (e *Early) Close() error {
	if e.cancel == nil {
		return nil
	}
	e.cancel()
	e.cancel = nil
	return <-e.done
}

// earlyLimits are the limits of a node that does not serve clients yet. They are constants, because the cluster's
// configs are not known yet.
type earlyLimits struct{ kafkaproto.Configs }

// Int implements kafkaproto.Configs.
func (earlyLimits) Int(key string) int64 {
	switch key {
	case "max.connections", "max.connections.per.ip":
		return 100
	case "socket.request.max.bytes":
		return 4 << 10
	default: // connections.max.idle.ms
		return 10_000
	}
}

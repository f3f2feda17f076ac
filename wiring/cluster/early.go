//go:build raft

package cluster

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// memory is what a node knows of who votes without asking anybody.
type memory struct {
	node    *raftnode.Manager
	machine *raftmeta.Machine
}

// voters returns incarnations by node: those that were agreed on, of nodes that have introduced
// themselves, and this node's own.
func (m memory) voters() map[int32][16]byte {
	known := m.node.Founders()
	maps.Copy(known, m.machine.Voters())
	known[m.node.NodeID()] = m.node.Incarnation()
	return known
}

// Describe implements kafkaproto.Quorum. It is fault.NotController always: no majority stands behind it.
func (m memory) Describe(context.Context, bool) (controller.QuorumDescription, error) {
	q := controller.QuorumDescription{Leader: -1, LeaderEpoch: -1, HighWatermark: -1}
	known := m.voters()
	for _, node := range sortedKeys(known) {
		q.Voters = append(q.Voters,
			controller.QuorumReplica{Node: node, Directory: known[node], LogEndOffset: -1, LastFetch: -1, LastCaughtUp: -1})
	}
	return q, fault.New(fault.NotController, "the node waits for others, and knows of no majority")
}

// early answers who votes, and nothing else, at the addresses of clients while the node waits for others and
// does not serve clients yet.
type early struct {
	listeners []configs.Listener
	nodes     *kafkaproto.Nodes
	log       *slog.Logger
	cancel    context.CancelFunc // nil while it is closed
	done      chan error
}

// describeQuorum is the key of Kafka's DescribeQuorum.
const describeQuorum = 55

// open begins to answer, unless it does already.
func (e *early) open(ctx context.Context, known memory) error {
	if e == nil || e.cancel != nil {
		return nil
	}
	listeners := make([]kafkaproto.Listener, len(e.listeners))
	for i, l := range e.listeners {
		listeners[i] = kafkaproto.Listener{Name: l.Name, Address: l.Address}
	}
	server, err := kafkaproto.New(kafkaproto.Settings{
		Listeners: listeners, Services: kafkaproto.Services{Quorum: known, Configs: earlyLimits{}}, Only: []int16{describeQuorum},
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

// close ends the answers and frees the addresses. A second close does nothing.
func (e *early) close() error {
	if e == nil || e.cancel == nil {
		return nil
	}
	e.cancel()
	e.cancel = nil
	return <-e.done
}

// earlyLimits bound what can be asked of a node that does not serve yet. It has no configs: those of
// the cluster are not known.
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

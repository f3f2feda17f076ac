package porttest

import (
	"context"
	"sync"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// Network connects the brokers of a test's cluster in memory. It fulfils the contracts of ports.Heartbeats and
// ports.ReplicaFetcher.
type Network struct {
	reach func(from, to int32) Reach

	mu    sync.Mutex
	nodes map[int32]Node
}

// Node holds a broker's handlers for requests of other brokers. A broker with a nil handler cannot be reached.
type Node struct {
	Heartbeat func(context.Context, ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error)
	Fetch     func(context.Context, ports.ReplicaFetch) ([]ports.ReplicaFetched, error)
}

// Reach says what happens to a request.
type Reach int

// What may happen to a request.
const (
	Arrives Reach = iota
	Refused       // the connection is refused
	Lost          // it is never answered
)

// NewNetwork returns a network without brokers. reach is called for each request, perhaps concurrently. With nil, every
// request arrives.
func NewNetwork(reach func(from, to int32) Reach) *Network {
	if reach == nil {
		reach = func(int32, int32) Reach { return Arrives }
	}
	return &Network{reach: reach, nodes: make(map[int32]Node)}
}

// Join adds a broker to the network. It replaces an earlier one with the same id.
func (n *Network) Join(id int32, node Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[id] = node
}

// Peers returns the other brokers as seen by broker from.
func (n *Network) Peers(from int32) Peers { return Peers{n, from} }

// Peers are the other brokers of a network.
type Peers struct {
	network *Network
	from    int32
}

var (
	_ ports.Heartbeats     = Peers{}
	_ ports.ReplicaFetcher = Peers{}
)

// Heartbeat implements ports.Heartbeats.
func (p Peers) Heartbeat(
	ctx context.Context, node int32, req ports.BrokerHeartbeat,
) (ports.BrokerHeartbeatReply, error) {
	to, err := p.to(ctx, node)
	switch {
	case err != nil:
		return ports.BrokerHeartbeatReply{}, err
	case to.Heartbeat == nil:
		return ports.BrokerHeartbeatReply{}, fault.BrokerNotAvailable
	}
	return to.Heartbeat(ctx, req)
}

// Fetch implements ports.ReplicaFetcher.
func (p Peers) Fetch(ctx context.Context, node int32, req ports.ReplicaFetch) ([]ports.ReplicaFetched, error) {
	to, err := p.to(ctx, node)
	switch {
	case err != nil:
		return nil, err
	case to.Fetch == nil:
		return nil, fault.BrokerNotAvailable
	}
	return to.Fetch(ctx, req)
}

// to returns the node that a request arrives at.
func (p Peers) to(ctx context.Context, node int32) (Node, error) {
	if ctx.Err() != nil {
		return Node{}, ctx.Err()
	}
	switch p.network.reach(p.from, node) {
	case Refused:
		return Node{}, fault.BrokerNotAvailable
	case Lost:
		<-ctx.Done()
		return Node{}, ctx.Err()
	case Arrives:
	}
	p.network.mu.Lock()
	defer p.network.mu.Unlock()
	return p.network.nodes[node], nil
}

package porttest

import (
	"context"
	"sync"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// Network carries in memory what the brokers of a test's cluster say to each other. It keeps the contracts of
// ports.Heartbeats and ports.ReplicaFetcher.
type Network struct {
	reach func(from, to int32) Reach

	mu    sync.Mutex
	nodes map[int32]Node
}

// Node is what a broker does with what others ask it. A nil function is a broker that cannot be reached.
type Node struct {
	Heartbeat func(context.Context, ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error)
	Fetch     func(context.Context, ports.ReplicaFetch) ([]ports.ReplicaFetched, error)
}

// Reach says what becomes of a request on its way.
type Reach int

// What may become of a request.
const (
	Arrives Reach = iota
	Refused       // nobody listens
	Lost          // it is never answered
)

// NewNetwork returns a network without brokers. reach is asked for each request, and may be called concurrently; nil lets
// everything arrive.
func NewNetwork(reach func(from, to int32) Reach) *Network {
	if reach == nil {
		reach = func(int32, int32) Reach { return Arrives }
	}
	return &Network{reach: reach, nodes: make(map[int32]Node)}
}

// Join puts a broker into the network, in the place of an earlier one.
func (n *Network) Join(id int32, node Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[id] = node
}

// Peers returns the other brokers as broker from reaches them.
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
func (p Peers) Heartbeat(ctx context.Context, node int32, req ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
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

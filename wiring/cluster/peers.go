package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"

	"github.com/chronik-stream/chronik/adapters/nodetls"
	"github.com/chronik-stream/chronik/adapters/replication"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// OpenTLS reads the certificates with which nodes authenticate each other, nil if none are configured.
func OpenTLS(cfg *configs.Config, log *slog.Logger) (*nodetls.Certificates, error) {
	c := cfg.Cluster
	if c.CAFile+c.CertFile+c.KeyFile == "" {
		return nil, nil
	}
	return nodetls.Open(
		nodetls.Settings{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, NodeID: int32(c.NodeID)}, log,
	)
}

// peer returns a node's entry among the peers.
func peer(cfg *configs.Config, id int32) (configs.Peer, bool) {
	at := slices.IndexFunc(cfg.Cluster.Peers, func(p configs.Peer) bool { return int32(p.ID) == id })
	if at < 0 {
		return configs.Peer{}, false
	}
	return cfg.Cluster.Peers[at], true
}

// Endpoints returns the addresses at which clients and other brokers reach this node, by listener. It is the advertised
// address, or else the listener's own. If that has no host, the host is that of the node's kafka address in
// cluster.peers.
func Endpoints(cfg *configs.Config) ([]metadata.Endpoint, error) {
	own, _ := peer(cfg, int32(cfg.Cluster.NodeID))
	known, _, err := net.SplitHostPort(own.Kafka)
	if err != nil {
		return nil, fmt.Errorf("cluster.peers: kafka address of node %d: %w", own.ID, err)
	}
	var all []metadata.Endpoint
	for _, l := range cfg.Listen {
		address := cfg.AdvertisedFor(l.Name)
		if address == "" {
			address = l.Address
		}
		host, text, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("listener %s: %w", l.Name, err)
		}
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return nil, fmt.Errorf(
				"listener %s: port %s, which other brokers cannot be told; give it a port or an advertised_addr",
				l.Name, text,
			)
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = known
		}
		all = append(all, metadata.Endpoint{Listener: l.Name, Host: host, Port: int32(port)})
	}
	return all, nil
}

// addresses returns a function for the addresses of other brokers: the first listener that a broker has registered, or
// else the address in the configuration.
func addresses(cfg *configs.Config, store ports.MetadataStore) func(int32) (string, bool) {
	return func(node int32) (string, bool) {
		if b, ok := store.Image().Broker(node); ok && len(b.Endpoints) > 0 {
			return net.JoinHostPort(b.Endpoints[0].Host, strconv.Itoa(int(b.Endpoints[0].Port))), true
		}
		p, ok := peer(cfg, node)
		return p.Kafka, ok
	}
}

// NewPeers returns the connections to the other brokers in the metadata. The cleanup closes them.
func NewPeers(
	cfg *configs.Config, certs *nodetls.Certificates, store ports.MetadataStore, log *slog.Logger,
) (*replication.Peers, func()) {
	peers := replication.New(replication.Settings{
		NodeID: int32(cfg.Cluster.NodeID), Address: addresses(cfg, store), TLS: certs.Client, Logger: log,
	})
	return peers, peers.Close
}

// NewForward returns a function that asks the metadata's leader to describe the quorum.
func NewForward(
	cfg *configs.Config, certs *nodetls.Certificates, store ports.MetadataStore,
) controller.ForwardQuorum {
	address := addresses(cfg, store)
	return func(ctx context.Context, leader int32) (controller.QuorumDescription, error) {
		at, ok := address(leader)
		if !ok {
			return controller.QuorumDescription{}, fault.New(fault.BrokerNotAvailable,
				"broker %d has no address", leader)
		}
		return replication.ForwardQuorum(ctx, certs.Client, at)
	}
}

// Asker asks other nodes for the voters, at their configured addresses. It works before the quorum has elected a
// leader.
type Asker struct {
	config *configs.Config
	certs  *nodetls.Certificates
}

// NewAsker returns the asker of a node.
func NewAsker(cfg *configs.Config, certs *nodetls.Certificates) *Asker { return &Asker{cfg, certs} }

var _ controller.VoterPeers = (*Asker)(nil)

// Ask implements controller.VoterPeers.
func (a *Asker) Ask(ctx context.Context, node int32) (controller.KnownVoters, error) {
	p, ok := peer(a.config, node)
	if !ok {
		return controller.KnownVoters{}, fault.New(fault.BrokerNotAvailable,
			"cluster.peers does not name node %d", node)
	}
	known, err := replication.AskQuorum(ctx, a.certs.Client, node, p.Kafka)
	if replication.Distrust(err) {
		err = fmt.Errorf("%w: %w", controller.ErrDistrust, err)
	}
	return known, err
}

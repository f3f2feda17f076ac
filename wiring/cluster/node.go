//go:build raft

package cluster

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"

	"github.com/chronik-stream/chronik/adapters/nodetls"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// OpenTLS reads the certificates by which the nodes know each other; nil where the configuration names none.
func OpenTLS(cfg *configs.Config, log *slog.Logger) (*nodetls.Certificates, error) {
	c := cfg.Cluster
	if c.CAFile+c.CertFile+c.KeyFile == "" {
		return nil, nil
	}
	return nodetls.Open(
		nodetls.Settings{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, NodeID: int32(c.NodeID)}, log,
	)
}

// OpenNode opens this node's side of Raft.
func OpenNode(
	cfg *configs.Config, certs *nodetls.Certificates, dir string, s *replicas.Space, log *slog.Logger,
) (*raftnode.Manager, error) {
	own, ok := peer(cfg, int32(cfg.Cluster.NodeID))
	if !ok {
		return nil, fmt.Errorf("cluster.peers does not name this node, cluster.node_id = %d", cfg.Cluster.NodeID)
	}
	set := raftnode.DefaultSettings()
	set.Space = s
	set.Dir, set.ClusterID, set.NodeID = dir, cfg.Cluster.Name, int32(own.ID)
	set.Address, set.Listen = own.Raft, cfg.Cluster.RaftListen
	if c := cfg.Cluster; certs != nil {
		set.TLS = &raftnode.TLS{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile}
	}
	return raftnode.Open(set, log)
}

// others returns the peers but this node.
func others(cfg *configs.Config) []configs.Peer {
	return slices.DeleteFunc(slices.Clone(cfg.Cluster.Peers),
		func(p configs.Peer) bool { return p.ID == cfg.Cluster.NodeID })
}

// peer returns a node's entry among the peers.
func peer(cfg *configs.Config, id int32) (configs.Peer, bool) {
	at := slices.IndexFunc(cfg.Cluster.Peers, func(p configs.Peer) bool { return int32(p.ID) == id })
	if at < 0 {
		return configs.Peer{}, false
	}
	return cfg.Cluster.Peers[at], true
}

// members are the nodes that the cluster begins with.
func members(cfg *configs.Config) raftnode.Members {
	if cfg.Cluster.Join {
		return raftnode.Members{Join: true}
	}
	m := raftnode.Members{Peers: make(map[int32]string, len(cfg.Cluster.Peers))}
	for _, p := range cfg.Cluster.Peers {
		m.Peers[int32(p.ID)] = p.Raft
	}
	return m
}

// Endpoints returns where clients and other brokers reach this node, by listener: at the advertised address, or else
// at the listener's own; where that names no host, at the host of the node's kafka address among the peers.
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
				"listener %s: port %s, which other brokers cannot be told; give it a port or an advertised_addr", l.Name, text,
			)
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = known
		}
		all = append(all, metadata.Endpoint{Listener: l.Name, Host: host, Port: int32(port)})
	}
	return all, nil
}

// addresses returns where the other brokers are reached: at their first listener, as they have registered it, or
// as the configuration has it.
func addresses(cfg *configs.Config, store ports.MetadataStore) func(int32) (string, bool) {
	return func(node int32) (string, bool) {
		if b, ok := store.Image().Broker(node); ok && len(b.Endpoints) > 0 {
			return net.JoinHostPort(b.Endpoints[0].Host, strconv.Itoa(int(b.Endpoints[0].Port))), true
		}
		p, ok := peer(cfg, node)
		return p.Kafka, ok
	}
}

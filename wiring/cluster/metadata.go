//go:build raft

package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/chronik-stream/chronik/adapters/nodetls"
	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
)

// ErrNoManager means that the node has no Raft manager.
//
//nolint:staticcheck // the seed's words
var ErrNoManager = errors.New("Raft manager required for clustered mode")

// OpenNode opens this node's side of Raft, in a data directory.
func OpenNode(
	cfg *configs.Config, certs *nodetls.Certificates, dir string, s *replicas.Space, log *slog.Logger,
) (*raftnode.Manager, error) {
	own, err := self(cfg)
	if err != nil {
		return nil, err
	}
	set := raftnode.DefaultSettings()
	set.Space = s
	set.Dir = dir
	set.ClusterID = cfg.Cluster.Name
	set.NodeID = int32(own.ID)
	set.Address, set.Listen = own.Raft, cfg.Cluster.RaftListen
	if c := cfg.Cluster; certs != nil {
		set.TLS = &raftnode.TLS{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile}
	}
	return raftnode.Open(set, log)
}

// self returns this node's entry among the peers.
func self(cfg *configs.Config) (configs.Peer, error) {
	own, ok := peer(cfg, int32(cfg.Cluster.NodeID))
	if !ok {
		return own, fmt.Errorf("cluster.peers does not name this node, cluster.node_id = %d", cfg.Cluster.NodeID)
	}
	return own, nil
}

// others returns the ids of all peers except this node.
func others(cfg *configs.Config) []int32 {
	var ids []int32
	for _, p := range cfg.Cluster.Peers {
		if p.ID != cfg.Cluster.NodeID {
			ids = append(ids, int32(p.ID))
		}
	}
	return ids
}

// members returns the initial members of the cluster.
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

// Claim returns this node's claim to the vote of its id.
func Claim(cfg *configs.Config, node *raftnode.Manager) controller.VoteClaim {
	return controller.VoteClaim{
		Node: node.NodeID(), Incarnation: node.Incarnation(), Others: others(cfg), Joins: cfg.Cluster.Join,
	}
}

// Metadata is a node's replicated metadata, and its membership in the Raft group.
type Metadata struct {
	*raftmeta.Store
	Group Group
	Own   *controller.OwnVoters // what this node itself knows about the voters
}

// Open opens the node's replicated metadata. wal describes its copy on this node's disk. Open waits until joining lets
// the node take part. The error is ErrNoManager without a node. Callers must close the metadata before the node.
func Open(
	ctx context.Context, cfg *configs.Config, node *raftnode.Manager, joining *controller.Joining,
	wal walstore.Settings,
	log *slog.Logger,
) (*Metadata, error) {
	if node == nil {
		return nil, ErrNoManager
	}
	return open(ctx, node, members(cfg), joining, wal, log)
}

// joiner is what open needs of controller.Joining.
type joiner interface {
	Own(agreed func() map[int32][16]byte) *controller.OwnVoters
	AwaitClaim(ctx context.Context, own *controller.OwnVoters) error
}

func open(
	ctx context.Context, node *raftnode.Manager, members raftnode.Members, joining joiner, wal walstore.Settings,
	log *slog.Logger,
) (*Metadata, error) {
	local, err := walstore.OpenReplica(wal, log)
	if err != nil {
		return nil, err
	}
	var own *controller.OwnVoters
	var replica *raftnode.Replica
	start := func(ctx context.Context, m *raftmeta.Machine) (raftmeta.Group, error) {
		own = joining.Own(m.Voters)
		if err := joining.AwaitClaim(ctx, own); err != nil {
			return nil, err
		}
		var err error
		replica, err = node.CreateReplica(ctx, metadataGroup(), members, m)
		return replica, err
	}
	set := raftmeta.DefaultSettings(node.NodeID(), node.Boot(), node.Incarnation())
	store, err := raftmeta.Open(ctx, set, local, start, log)
	if err != nil {
		return nil, err
	}
	return &Metadata{Store: store, Group: Group{replica}, Own: own}, nil
}

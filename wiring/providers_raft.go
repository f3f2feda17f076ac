//go:build raft

package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/adapters/bootclock"
	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/adapters/nodetls"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/wiring/cluster"
)

// metadataSet replicates metadata by Raft when the configuration has a cluster section, and keeps it on
// this node alone otherwise.
var metadataSet = wire.NewSet(newMembership, openNodeTLS, openRaftNode, openNodeMetadata,
	wire.FieldsOf(new(nodeMetadata), "store"), newMember, registerNode, newLease, newWork)

func newMembership(cfg *configs.Config) (membership, error) {
	switch {
	case cfg.OnlyNamesNode(): // the rest of its cluster may have been forgotten
		return membership{}, fmt.Errorf(
			"%w: cluster.peers names no nodes; a broker without a cluster has its id as kafka.\"node.id\"", errNoManager,
		)
	case !cfg.Clustered():
		return membership{nodeID: int32(cfg.Cluster.NodeID)}, nil
	}
	if !cfg.UseWALMetadata {
		return membership{}, errors.New(
			"use_wal_metadata = false is for brokers without a cluster: a cluster needs use_wal_metadata = true",
		)
	}
	if len(cfg.Cluster.Peers) == 0 {
		return membership{}, fmt.Errorf("%w: cluster.peers names no nodes", errNoManager)
	}
	return membership{nodeID: int32(cfg.Cluster.NodeID)}, nil
}

var errNoManager = errors.New("Raft manager required for clustered mode") //nolint:staticcheck // the seed's words

// openNodeTLS reads the certificates of the nodes; nil where there are none.
func openNodeTLS(cfg *configs.Config, log *slog.Logger) (*nodetls.Certificates, error) {
	if !cfg.Clustered() {
		return nil, nil
	}
	return cluster.OpenTLS(cfg, log)
}

// openRaftNode opens this node's side of Raft; nil for a broker without a cluster.
func openRaftNode(
	cfg *configs.Config, certs *nodetls.Certificates, dir dataDir, s *replicas.Space, log *slog.Logger, steps *Progress,
) (*raftnode.Manager, func(), error) {
	if !cfg.Clustered() {
		return nil, func() {}, nil
	}
	steps.begin("open the raft node")
	node, err := cluster.OpenNode(cfg, certs, dir.path, s, log)
	if err != nil {
		return nil, nil, err
	}
	return node, func() {
		steps.begin("close the raft node")
		err := node.Close()
		if err != nil {
			log.Error("raft node did not close well", "err", err)
		}
		steps.ended(err)
	}, nil
}

// nodeMetadata is the metadata of a node, and its part in replicating that.
type nodeMetadata struct {
	store   ports.MetadataStore
	cluster *cluster.Metadata // nil for a broker without a cluster
}

// openNodeMetadata opens the metadata: replicated with a cluster section, otherwise as in the standalone binary.
func openNodeMetadata(
	ctx context.Context, cfg *configs.Config, certs *nodetls.Certificates, dir dataDir, m membership,
	node *raftnode.Manager, s *replicas.Space, log *slog.Logger, steps *Progress,
) (nodeMetadata, func(), error) {
	if !cfg.Clustered() {
		//nolint:contextcheck // what it starts ends with Close, not with ctx
		store, cleanup, err := openMetadata(cfg, dir, m, s, log, steps)
		return nodeMetadata{store: store}, cleanup, err
	}
	if node == nil {
		return nodeMetadata{}, nil, errNoManager
	}
	steps.begin("open the metadata store")
	md, err := cluster.Open(ctx, cfg, certs, newNodes(certs), node, walSettings(cfg, dir, m, s), log)
	if err != nil {
		return nodeMetadata{}, nil, err
	}
	return nodeMetadata{store: md, cluster: md}, func() {
		steps.begin("close the metadata store")
		err := md.Close()
		if err != nil {
			log.Error("metadata store did not close well", "err", err)
		}
		steps.ended(err)
	}, nil
}

func newLease(cfg *configs.Config, clock ports.Clock) *replicas.Lease {
	if cfg.Clustered() {
		return replicas.NewLease(bootclock.New().Now)
	}
	return replicas.NewEndlessLease(clock)
}

// newMember says who this broker is in its cluster.
func newMember(cfg *configs.Config, m membership, lease *replicas.Lease) (set controller.MembershipSettings, err error) {
	set = controller.MembershipSettings{NodeID: m.nodeID, Incarnation: newUUID(), Rack: cfg.Kafka["broker.rack"], Lease: lease}
	if cfg.Clustered() {
		set.Endpoints, err = cluster.Endpoints(cfg)
	}
	return set, err
}

// registerNode makes the broker one that metadata knows. A node of a cluster waits for a majority.
func registerNode(
	ctx context.Context, cfg *configs.Config, m membership, md nodeMetadata, member controller.MembershipSettings,
	logs ports.LogStore, clock ports.Clock, log *slog.Logger, steps *Progress,
) (registered, error) {
	if md.cluster == nil {
		return register(ctx, cfg, m, md.store, logs, log, steps)
	}
	steps.begin("wait for a majority of the nodes")
	epoch, err := md.cluster.Register(ctx, member, newClusterID(), clock, log)
	return registered{md.store, epoch}, err
}

// newWork returns what the broker does as a node of its cluster; the cleanup ends its connections to the other nodes.
func newWork(
	cfg *configs.Config, certs *nodetls.Certificates, md nodeMetadata, m membership, member controller.MembershipSettings,
	store registered, p *replicas.Partitions, c *brokerconfigs.Configs, clock ports.Clock, log *slog.Logger,
) (clusterWork, func()) {
	if md.cluster == nil {
		return newSoleWork(store, m, clock), func() {}
	}
	w := cluster.NewWork(cfg, certs, store, member, p, c, clock, log)
	md.cluster.Follow(w.Controller)
	meta := func(ctx context.Context) error { return w.EnsureMetaTopic(ctx, newTopicID, log) }
	vote := func(ctx context.Context) error { return md.cluster.Vote(ctx, log) }
	return clusterWork{
		early:      []stage{{"replication", w.Replication.Run}, {"controller", w.Controller.Run}},
		late:       []stage{{"vote", vote}, {"internal topics", meta}, {"membership", w.Membership.Run}},
		controller: w.Controller, quorum: md.cluster, voters: md.cluster, nodes: newNodes(certs), reload: certs.Reload,
		serving: w.Membership.Serving(), ready: w.Ready,
		throttled: w.Replication.ThrottledRate,
	}, w.Close
}

// newNodes says how the Kafka server knows the other nodes; nil where they show no certificates.
func newNodes(certs *nodetls.Certificates) *kafkaproto.Nodes {
	if certs == nil {
		return nil
	}
	return &kafkaproto.Nodes{TLS: certs.Server(), NodeID: nodetls.NodeID}
}

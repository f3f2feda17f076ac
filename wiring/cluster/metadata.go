//go:build raft

// Package cluster puts the adapters together of which a node of a cluster is made: a Raft node, the metadata on this node's disk, the store that
// replicates it, and the connections to the other brokers.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/chronik-stream/chronik/adapters/nodetls"
	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/adapters/replication"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// MetadataGroup is the Raft group that agrees on metadata.
func MetadataGroup() raftnode.Group {
	return raftnode.Group{Topic: raftmeta.RaftMetadataTopic, Partition: raftmeta.MetadataPartition}
}

// Metadata is the metadata that a node replicates.
type Metadata struct {
	*raftmeta.Store
	node    *raftnode.Manager
	replica *raftnode.Replica
	others  []configs.Peer // whom to ask while nothing is agreed on
	secure  replication.TLS
}

// Open opens the metadata of a node as its configuration says, with its copy on this node's disk as wal says. Close it before the node.
func Open(
	ctx context.Context, cfg *configs.Config, certs *nodetls.Certificates, node *raftnode.Manager, wal walstore.Settings, log *slog.Logger,
) (*Metadata, error) {
	md, err := OpenMetadata(ctx, node, members(cfg), wal, log)
	if err != nil {
		return nil, err
	}
	md.others, md.secure = others(cfg), certs.Client
	return md, nil
}

// OpenMetadata opens the metadata that node replicates with these members, with its copy on this node's disk as wal says. Close it before
// the node.
func OpenMetadata(ctx context.Context, node *raftnode.Manager, members raftnode.Members, wal walstore.Settings, log *slog.Logger) (*Metadata, error) {
	local, err := walstore.OpenReplica(wal, log) //nolint:contextcheck // what it starts ends with Close, not with ctx
	if err != nil {
		return nil, err
	}
	md := &Metadata{node: node}
	set := raftmeta.DefaultSettings(node.NodeID(), node.Boot(), node.Incarnation())
	md.Store, err = raftmeta.Open(ctx, set, local, func(ctx context.Context, m *raftmeta.Machine) (raftmeta.Group, error) {
		r, err := node.CreateReplica(ctx, MetadataGroup(), members, m)
		md.replica = r
		return r, err
	}, log)
	if err != nil {
		return nil, err
	}
	return md, nil
}

// Register makes this broker one that the cluster knows, fenced, and the cluster one that has an id. It waits for a majority of the nodes until ctx
// ends, and returns the epoch of the registration.
func (md *Metadata) Register(ctx context.Context, member broker.MembershipSettings, clusterID string, clock broker.Clock, log *slog.Logger) (epoch int64, err error) {
	if err := md.agree(ctx, log, md.ClaimVote); err != nil {
		return -1, fmt.Errorf("claim the vote of node %d: %w", member.NodeID, err)
	}
	err = md.agree(ctx, log, func(ctx context.Context) error {
		_, err := md.Apply(ctx, metadata.InitCluster{ClusterID: clusterID, Features: metadata.NewestFeatures()})
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("begin the cluster: %w", err)
	}
	m := broker.NewMembership(md.Store, nil, nil, member, clock, log)
	err = m.Register(ctx)
	return m.BrokerEpoch(), err
}

// attempt is how long a try to reach agreement takes before the log tells of it.
const attempt = 5 * time.Second

// agree does something that needs a majority of the nodes, and may be done twice, again and again while there is none, or while this node does not
// know how it went.
func (md *Metadata) agree(ctx context.Context, log *slog.Logger, do func(context.Context) error) error {
	for {
		tried, cancel := context.WithTimeout(ctx, attempt)
		err := do(tried)
		cancel()
		if !errors.Is(err, fault.NotController) && !errors.Is(err, fault.RequestTimedOut) || ctx.Err() != nil {
			return err
		}
		if err := md.diagnose(ctx, log); err != nil {
			return err
		}
	}
}

// Describe says who keeps the metadata, as far as this node knows.
func (md *Metadata) Describe(ctx context.Context) (broker.QuorumDescription, error) {
	m, err := md.replica.Membership(ctx)
	if err != nil {
		return broker.QuorumDescription{}, fault.New(fault.NotController, "members of the metadata group: %w", err)
	}
	leader, term := md.replica.LeaderTerm()
	index := int64(md.Image().Index())
	claimed := md.Voters()
	describe := func(nodes map[int32]string) (all []broker.QuorumReplica) {
		for _, node := range sortedKeys(nodes) {
			r := broker.QuorumReplica{Node: node, Directory: claimed[node], LogEndOffset: -1, LastFetch: -1, LastCaughtUp: -1}
			if node == md.node.NodeID() || node == leader {
				now := time.Now().UnixMilli()
				r.LogEndOffset, r.LastFetch, r.LastCaughtUp = index, now, now
			}
			all = append(all, r)
		}
		return all
	}
	return broker.QuorumDescription{
		Leader: leader, LeaderEpoch: term, HighWatermark: index, Voters: describe(m.Voters), Observers: describe(m.NonVoters),
	}, nil
}

//go:build raft

// Package cluster puts the adapters together of which a node of a cluster is made: a Raft node, the metadata on this
// node's disk, the store that replicates it, and the connections to the other brokers.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/adapters/nodetls"
	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/adapters/replication"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
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
	memory  memory
	others  []configs.Peer // whom to ask while nothing is agreed on
	secure  replication.TLS
	address func(node int32) (string, bool) // where another node serves Kafka's protocol
	early   *early                          // nil where nothing is served before the node is registered
	// progress knows how far the nodes are, nil where nobody listens to their heartbeats.
	progress *controller.QuorumProgress
}

// ErrNoManager means that nothing runs this node's replica of the group.
//
//nolint:staticcheck // the seed's words
var ErrNoManager = errors.New("Raft manager required for clustered mode")

// Open opens the metadata of a node as its configuration says, with its copy on this node's disk as wal says. It waits
// until the other nodes know this one, if they do not yet, and meanwhile tells them what it knows; nodes are how they
// are told from clients. It is ErrNoManager without a node. Close it before the node.
func Open(
	ctx context.Context, cfg *configs.Config, certs *nodetls.Certificates, nodes *kafkaproto.Nodes, node *raftnode.Manager,
	wal walstore.Settings, log *slog.Logger,
) (*Metadata, error) {
	if node == nil {
		return nil, ErrNoManager
	}
	md := &Metadata{node: node, others: others(cfg), secure: certs.Client}
	md.address = addresses(cfg, md)
	md.early = &early{listeners: cfg.Listen, nodes: nodes, log: log}
	err := md.open(ctx, members(cfg), wal,
		func(ctx context.Context) error { return md.awaitClaim(ctx, cfg.Cluster.Join, log) }, log)
	if err != nil {
		return nil, errors.Join(err, md.early.close())
	}
	return md, nil
}

// OpenMetadata opens the metadata that node replicates with these members, with its copy on this node's disk as wal
// says. That the node may vote is for the caller to know. Close it before the node.
func OpenMetadata(
	ctx context.Context, node *raftnode.Manager, members raftnode.Members, wal walstore.Settings, log *slog.Logger,
) (*Metadata, error) {
	md := &Metadata{node: node, address: func(int32) (string, bool) { return "", false }}
	if err := md.open(ctx, members, wal, func(context.Context) error { return nil }, log); err != nil {
		return nil, err
	}
	return md, nil
}

// open opens the copy on this node's disk, and starts the replica when admitted has returned.
func (md *Metadata) open(
	ctx context.Context, members raftnode.Members, wal walstore.Settings, admitted func(context.Context) error,
	log *slog.Logger,
) error {
	local, err := walstore.OpenReplica(wal, log) //nolint:contextcheck // what it starts ends with Close, not with ctx
	if err != nil {
		return err
	}
	set := raftmeta.DefaultSettings(md.node.NodeID(), md.node.Boot(), md.node.Incarnation())
	md.Store, err = raftmeta.Open(ctx, set, local, func(ctx context.Context, m *raftmeta.Machine) (raftmeta.Group, error) {
		md.memory = memory{md.node, m}
		if err := admitted(ctx); err != nil {
			return nil, err
		}
		md.replica, err = md.node.CreateReplica(ctx, MetadataGroup(), members, m)
		return md.replica, err
	}, log)
	return err
}

// Close ends the replica and then the copy on this node's disk. A second Close does nothing.
func (md *Metadata) Close() error { return errors.Join(md.early.close(), md.Store.Close()) }

// Register makes this broker one that the cluster knows, fenced, and the cluster one that has an id. It waits for a
// majority of the nodes until ctx ends, and returns the epoch of the registration.
func (md *Metadata) Register(
	ctx context.Context, member controller.MembershipSettings, clusterID string, clock ports.Clock, log *slog.Logger,
) (epoch int64, err error) {
	defer func() { err = errors.Join(err, md.early.close()) }()
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
	m := controller.NewMembership(md.Store, nil, nil, member, clock, log)
	err = m.Register(ctx)
	return m.BrokerEpoch(), err
}

// attempt is how long a try to reach agreement takes before the log tells of it.
const attempt = 5 * time.Second

// agree does something that needs a majority of the nodes, and may be done twice, again and again while there is none,
// or while this node does not know how it went.
func (md *Metadata) agree(ctx context.Context, log *slog.Logger, do func(context.Context) error) error {
	for {
		tried, cancel := context.WithTimeout(ctx, attempt)
		err := do(tried)
		cancel()
		if !errors.Is(err, fault.NotController) && !errors.Is(err, fault.RequestTimedOut) || ctx.Err() != nil {
			return err
		}
		if err := md.early.open(ctx, md.memory); err != nil { // others may wait for what this node knows
			return err
		}
		if err := md.diagnose(ctx, log); err != nil {
			return err
		}
	}
}

// Follow has Describe tell what progress knows. It is called before clients are served.
func (md *Metadata) Follow(progress *controller.QuorumProgress) { md.progress = progress }

// answerIn bounds how long a majority is waited for, so that who asks for the quorum gets an answer.
const answerIn = time.Second

// Describe says who keeps the metadata, as its leader knows; where nobody else knows, as far as this node does.
// Without a majority it is fault.NotController, with the voters that this node knows by itself.
func (md *Metadata) Describe(ctx context.Context, forwarded bool) (controller.QuorumDescription, error) {
	bounded, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	m, err := md.replica.Membership(bounded)
	if err != nil {
		known, _ := md.memory.Describe(ctx, forwarded)
		return known, fault.New(fault.NotController, "members of the metadata group: %w", err)
	}
	leader, term := md.replica.LeaderTerm()
	self := md.node.NodeID()
	if address, ok := md.address(leader); ok && leader != self && !forwarded {
		if quorum, err := replication.ForwardQuorum(bounded, md.secure, address); err == nil {
			return quorum, nil
		}
	}
	known := md.memory.voters()
	describe := func(nodes map[int32]string) (all []controller.QuorumReplica) {
		for _, node := range sortedKeys(nodes) {
			all = append(all,
				controller.QuorumReplica{Node: node, Directory: known[node], LogEndOffset: -1, LastFetch: -1, LastCaughtUp: -1})
		}
		return all
	}
	quorum := controller.QuorumDescription{
		Leader: leader, LeaderEpoch: term, HighWatermark: int64(md.Image().Index()), Voters: describe(m.Voters), Observers: describe(m.NonVoters),
	}
	if leader == self && md.progress != nil {
		md.progress.Describe(&quorum)
	}
	return quorum, nil
}

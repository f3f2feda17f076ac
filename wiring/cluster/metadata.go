//go:build raft

// Package cluster puts the adapters together of which a cluster's metadata is made: a Raft node, the metadata on this node's disk, and
// the store that replicates it.
package cluster

import (
	"context"
	"log/slog"

	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/adapters/walstore"
)

// MetadataGroup is the Raft group that agrees on metadata.
func MetadataGroup() raftnode.Group {
	return raftnode.Group{Topic: raftmeta.RaftMetadataTopic, Partition: raftmeta.MetadataPartition}
}

// OpenMetadata opens the metadata that node replicates, with its copy on this node's disk as wal says. Close the store before the node.
func OpenMetadata(
	ctx context.Context, node *raftnode.Manager, members raftnode.Members, wal walstore.Settings, log *slog.Logger,
) (*raftmeta.Store, error) {
	local, err := walstore.OpenReplica(wal, log) //nolint:contextcheck // what it starts ends with Close, not with ctx
	if err != nil {
		return nil, err
	}
	set := raftmeta.DefaultSettings(node.NodeID(), node.Boot(), node.Incarnation())
	start := func(ctx context.Context, m *raftmeta.Machine) (raftmeta.Group, error) {
		return node.CreateReplica(ctx, MetadataGroup(), members, m)
	}
	return raftmeta.Open(ctx, set, local, start, log)
}

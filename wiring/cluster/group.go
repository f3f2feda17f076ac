//go:build raft

package cluster

import (
	"context"
	"errors"

	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/quorum"
)

// metadataGroup returns the Raft group that replicates the metadata.
func metadataGroup() raftnode.Group {
	return raftnode.Group{Topic: raftmeta.RaftMetadataTopic, Partition: raftmeta.MetadataPartition}
}

// Group is this node's replica of the metadata's Raft group, with errors that can be returned to clients.
type Group struct{ replica *raftnode.Replica }

var _ controller.VoterGroup = Group{}

// Members implements controller.VoterGroup.
func (g Group) Members(ctx context.Context) (quorum.Members, error) {
	m, err := g.replica.Membership(ctx)
	return quorum.Members{Voters: m.Voters, Observers: m.NonVoters, Removed: m.Removed}, asFault(err)
}

// IsLeader implements controller.VoterGroup.
func (g Group) IsLeader() bool { return g.replica.IsLeader() }

// LeaderTerm implements controller.VoterGroup.
func (g Group) LeaderTerm() (node, term int32) { return g.replica.LeaderTerm() }

// AddObserver implements controller.VoterGroup.
func (g Group) AddObserver(ctx context.Context, node int32, address string) error {
	return asFault(g.replica.AddNonVoting(ctx, node, address))
}

// Promote implements controller.VoterGroup.
func (g Group) Promote(ctx context.Context) error { return asFault(g.replica.Promote(ctx)) }

// Remove implements controller.VoterGroup.
func (g Group) Remove(ctx context.Context, node int32) error {
	return asFault(g.replica.Remove(ctx, node))
}

// TransferLeadership implements controller.VoterGroup.
func (g Group) TransferLeadership(ctx context.Context, to int32) error {
	return asFault(g.replica.TransferLeadership(ctx, to))
}

// asFault returns the fault that clients get for an error of the group.
func asFault(err error) error {
	kind := fault.Unknown
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raftnode.ErrNoLeader), errors.Is(err, raftnode.ErrBusy), errors.Is(err, raftnode.ErrClosed):
		kind = fault.NotController
	case errors.Is(err, raftnode.ErrUnknown):
		kind = fault.RequestTimedOut
	case errors.Is(err, raftnode.ErrConflict):
		kind = fault.InvalidUpdateVersion
	}
	return fault.New(kind, "%w", err)
}

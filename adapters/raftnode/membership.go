//go:build raft

package raftnode

import (
	"context"
	"fmt"
	"time"

	"github.com/lni/dragonboat/v4"
)

// Membership lists a group's members: raft addresses by node id.
type Membership struct {
	Voters    map[int32]string
	NonVoters map[int32]string // they receive committed entries but do not vote
	Removed   map[int32]bool   // they cannot be added again under their ids
	change    uint64           // the last change's number, which the next one must name
}

// Membership returns the group's members as of now.
func (r *Replica) Membership(ctx context.Context) (Membership, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	got, err := r.manager.host.SyncGetShardMembership(ctx, r.shard)
	if err != nil {
		return Membership{}, translated(ctx, err)
	}
	return Membership{
		Voters:    byNode(got.Nodes),
		NonVoters: byNode(got.NonVotings),
		Removed:   removed(got.Removed),
		change:    got.ConfigChangeID,
	}, nil
}

func removed(replicas map[uint64]struct{}) map[int32]bool {
	nodes := make(map[int32]bool, len(replicas))
	for replica := range replicas {
		nodes[nodeOf(replica)] = true
	}
	return nodes
}

func byNode(replicas map[uint64]string) map[int32]string {
	nodes := make(map[int32]string, len(replicas))
	for replica, address := range replicas {
		nodes[nodeOf(replica)] = address
	}
	return nodes
}

// AddNonVoting adds a node without a vote, at a raft address. The node creates its replica with Members.Join. A node
// that was removed can never be added again under its id: ErrConflict.
func (r *Replica) AddNonVoting(ctx context.Context, node int32, address string) error {
	return r.change(ctx, "add node", node, func(ctx context.Context, m Membership) error {
		if m.NonVoters[node] == address {
			return nil
		}
		return r.manager.host.SyncRequestAddNonVoting(ctx, r.shard, replicaID(node), address, m.change)
	})
}

// Promote makes this node, which has no vote, a voter. It first waits until what is committed so far is applied here: a
// voter that lags can keep the group from committing anything.
func (r *Replica) Promote(ctx context.Context) error {
	node := r.manager.settings.NodeID
	if err := r.Barrier(ctx); err != nil {
		return fmt.Errorf("promote node %d: %w", node, err)
	}
	return r.change(ctx, "promote node", node, func(ctx context.Context, m Membership) error {
		if _, votes := m.Voters[node]; votes {
			return nil
		}
		address, known := m.NonVoters[node]
		if !known {
			return fmt.Errorf("%w: it is no member", dragonboat.ErrRejected)
		}
		return r.manager.host.SyncRequestAddReplica(ctx, r.shard, r.id, address, m.change)
	})
}

// Remove removes a node from the group. Its id cannot be added again. The last voter stays: ErrConflict.
func (r *Replica) Remove(ctx context.Context, node int32) error {
	return r.change(ctx, "remove node", node, func(ctx context.Context, m Membership) error {
		_, votes := m.Voters[node]
		if _, follows := m.NonVoters[node]; !votes && !follows {
			return nil
		}
		if votes && len(m.Voters) == 1 {
			return fmt.Errorf("%w: it is the last voter", dragonboat.ErrRejected)
		}
		return r.manager.host.SyncRequestDeleteReplica(ctx, r.shard, replicaID(node), m.change)
	})
}

// change changes the current membership. When another change came in between, the error is ErrConflict.
func (r *Replica) change(
	ctx context.Context, what string, node int32, do func(context.Context, Membership) error,
) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	m, err := r.Membership(ctx)
	if err == nil {
		err = translated(ctx, do(ctx, m))
	}
	if err != nil {
		return fmt.Errorf("%s %d: %w", what, node, err)
	}
	return nil
}

// TransferLeadership returns when the voter leads the group. Meanwhile proposals are refused with ErrNoLeader.
func (r *Replica) TransferLeadership(ctx context.Context, node int32) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	for ctx.Err() == nil {
		if leader, ok := r.Leader(); ok && leader == node {
			return nil
		}
		err := r.manager.host.RequestLeaderTransfer(r.shard, replicaID(node))
		if err != nil && isClosed(err) {
			return fmt.Errorf("transfer leadership to node %d: %w", node, translated(ctx, err))
		}
		r.awaitLeader(ctx, node, r.manager.settings.election())
	}
	return fmt.Errorf("transfer leadership to node %d: %w: %w", node, ErrUnknown, ctx.Err())
}

// awaitLeader returns when the node leads, or when while has passed.
func (r *Replica) awaitLeader(ctx context.Context, node int32, while time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, while)
	defer cancel()
	for leader := range r.LeaderChanges(ctx) {
		if leader.NodeID == node {
			return
		}
	}
}

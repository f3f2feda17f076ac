//go:build raft

package raftnode

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/chronik-stream/chronik/internal/latest"
)

// patience bounds a request whose context has no deadline.
const patience = 10 * time.Second

// Replica is this node's replica of a group. Its methods may be called concurrently.
type Replica struct {
	manager *Manager
	group   Group
	shard   uint64
	id      uint64
	machine machine
	leaders *latest.Value[Leader]
}

// Propose returns when data was committed and applied here; any node may call it. The error is ErrNoLeader or ErrBusy
// when nothing was done. After ErrUnknown and ErrClosed, data may have been applied or may still be.
func (r *Replica) Propose(ctx context.Context, data []byte) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	host := r.manager.host
	_, err := host.SyncPropose(ctx, host.GetNoOPSession(r.shard), data)
	return translated(ctx, err)
}

// Barrier returns when everything is applied here that was committed, on any node, before the call.
func (r *Replica) Barrier(ctx context.Context) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	_, err := r.manager.host.SyncRead(ctx, r.shard, nil)
	return translated(ctx, err)
}

// Leader returns the node id of the group's leader as far as this node knows.
func (r *Replica) Leader() (node int32, ok bool) {
	select {
	case <-r.machine.closed:
		return -1, false
	case <-r.manager.closed:
		return -1, false
	default:
		node = r.leaders.Get().NodeID
		return node, node >= 0
	}
}

// Leadership returns the group's leader and its term as far as this node knows; ok is false when there is none.
// Dragonboat's answer may be older than its events, and the events may lag behind its answer. This node is returned
// only when both name it: once another leader has answered a Barrier, at most one of them does.
func (r *Replica) Leadership() (node int32, term uint64, ok bool) {
	if _, ok := r.Leader(); !ok {
		return -1, 0, false
	}
	at := r.leaders.Get()
	if at.NodeID != r.manager.settings.NodeID {
		return at.NodeID, at.Term, at.NodeID >= 0
	}
	replica, term, known, err := r.manager.host.GetLeaderID(r.shard)
	if err != nil || !known || nodeOf(replica) != at.NodeID || term != at.Term {
		return -1, 0, false
	}
	return at.NodeID, at.Term, true
}

// LeaderTerm returns the leader's node id, -1 when none is known, and the newest term.
func (r *Replica) LeaderTerm() (node, term int32) {
	replica, at, ok, err := r.manager.host.GetLeaderID(r.shard)
	if err != nil || !ok {
		return -1, int32(at)
	}
	return nodeOf(replica), int32(at)
}

// IsLeader reports whether this node leads the group, as far as it knows.
func (r *Replica) IsLeader() bool {
	node, ok := r.Leader()
	return ok && node == r.manager.settings.NodeID
}

// LeaderChanges yields the leader and then each change of it until ctx ends or the replica closes. A
// slow reader skips changes.
func (r *Replica) LeaderChanges(ctx context.Context) iter.Seq[Leader] {
	return r.leaders.Changes(ctx, r.machine.closed)
}

// Close ends the replica; the other nodes continue. A second Close does nothing. The state machine is not called
// afterwards.
func (r *Replica) Close() error {
	err := r.manager.host.StopReplica(r.shard, r.id)
	if err != nil && !isClosed(err) {
		return fmt.Errorf("close replica of raft group %v: %w", r.group, err)
	}
	select {
	case <-r.machine.closed:
	case <-r.manager.closed:
	}
	r.manager.remove(r)
	return nil
}

// bounded returns ctx with a deadline.
func (r *Replica) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, patience)
}

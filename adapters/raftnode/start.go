//go:build raft

package raftnode

import (
	"context"
	"errors"
	"fmt"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/dragonboat/v4/statemachine"

	"github.com/chronik-stream/chronik/internal/latest"
)

// Members say how a group starts on this node. They matter only when the node has no replica of it yet.
type Members struct {
	// Peers are the raft addresses of the group's first members, this node among them, by node id. They are the same on
	// all first members.
	Peers map[int32]string
	// Join says that the group exists already, and that this node was added to it, or will be, by AddNonVoting.
	Join bool
}

// CreateReplica starts this node's replica of a group, whose state sm keeps. It returns when everything that the node
// knows to be committed is applied, and does not wait for other nodes. The error is ErrLostData when part of the raft
// log or the state is missing.
func (m *Manager) CreateReplica(ctx context.Context, g Group, members Members, sm StateMachine) (*Replica, error) {
	r := &Replica{
		manager: m, group: g, shard: g.shard(), id: replicaID(m.settings.NodeID),
		machine: machine{sm, make(chan struct{})}, leaders: latest.New(Leader{NodeID: -1}),
	}
	if err := m.add(r); err != nil {
		return nil, err
	}
	if err := m.start(ctx, r, members); err != nil {
		m.remove(r)
		return nil, fmt.Errorf("start replica of raft group %v: %w", g, err)
	}
	return r, nil
}

func (m *Manager) start(ctx context.Context, r *Replica, members Members) (err error) {
	defer func() { // dragonboat and its log panic about what they cannot read
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	before, err := m.logs.GetBootstrapInfo(r.shard, r.id)
	begun := err == nil
	if err != nil && !errors.Is(err, raftio.ErrNoBootstrapInfo) {
		return err
	}
	var peers map[uint64]string
	joined := before.Join
	if begun {
		err = m.checkLog(r)
	} else {
		joined = members.Join
		peers, err = m.firstMembers(r, members)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	stateMachine := func(uint64, uint64) statemachine.IOnDiskStateMachine { return r.machine }
	err = m.host.StartOnDiskReplica(peers, members.Join && !begun, stateMachine, m.replicaConfig(r, joined))
	if err != nil {
		return err
	}
	return m.noteGroup(r.group)
}

func (m *Manager) replicaConfig(r *Replica, joined bool) config.Config {
	return config.Config{
		ReplicaID:           r.id,
		ShardID:             r.shard,
		CheckQuorum:         true,
		PreVote:             true,
		ElectionRTT:         uint64(m.settings.ElectionRTT),
		HeartbeatRTT:        uint64(m.settings.HeartbeatRTT),
		SnapshotEntries:     m.settings.SnapshotEntries,
		CompactionOverhead:  m.settings.CompactionOverhead,
		OrderedConfigChange: true,
		MaxInMemLogSize:     maxUnacked,
		IsNonVoting:         joined, // it becomes a voter by an entry of the log
		WaitReady:           true,
	}
}

// firstMembers returns the peers of a new replica. Nothing of an earlier one may exist.
func (m *Manager) firstMembers(r *Replica, members Members) (map[uint64]string, error) {
	if m.hadGroup(r.group) {
		return nil, fmt.Errorf("%w: its raft log is gone", ErrLostData)
	}
	if applied := r.machine.Applied(); applied > 0 {
		return nil, fmt.Errorf("%w: there is no raft log, but entries up to %d were applied", ErrLostData, applied)
	}
	if members.Join {
		if len(members.Peers) > 0 {
			return nil, errPeers
		}
		return nil, nil
	}
	peers, nodes := map[uint64]string{}, map[string]int32{}
	for node, address := range members.Peers {
		if other, taken := nodes[address]; taken || node < 0 {
			return nil, fmt.Errorf("%w: node %d at %s, which is node %d's", errPeers, node, address, other)
		}
		peers[replicaID(node)], nodes[address] = address, node
	}
	if own := peers[r.id]; own != m.settings.Address {
		return nil, fmt.Errorf("%w: this is node %d at %s, the members have it at %q",
			errPeers, m.settings.NodeID, m.settings.Address, own)
	}
	return peers, nil
}

// checkLog compares the end of the raft log with what it says was committed, and with what was applied. Dragonboat
// takes a block of zeros for the end of its log and would continue as if the rest had never existed.
func (m *Manager) checkLog(r *Replica) error {
	snapshot, err := m.logs.GetSnapshot(r.shard, r.id)
	if err != nil {
		return fmt.Errorf("read the raft log: %w", err)
	}
	end, committed := snapshot.Index, uint64(0)
	state, err := m.logs.ReadRaftState(r.shard, r.id, snapshot.Index)
	switch {
	case errors.Is(err, raftio.ErrNoSavedLog): // the first start was interrupted
	case err != nil:
		return fmt.Errorf("read the raft log: %w", err)
	default:
		committed = state.State.Commit
		if state.EntryCount > 0 {
			end = max(end, state.FirstIndex+state.EntryCount-1)
		}
	}
	applied := r.machine.Applied()
	switch {
	case applied > end || committed > end:
		return fmt.Errorf("%w: the raft log ends at entry %d, committed was entry %d and applied entry %d",
			ErrLostData, end, committed, applied)
	case snapshot.Dummy && snapshot.OnDiskIndex > applied:
		return fmt.Errorf("%w: entries up to %d were applied, but the state ends at entry %d",
			ErrLostData, snapshot.OnDiskIndex, applied)
	}
	return nil
}

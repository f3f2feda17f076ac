//go:build raft

package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/adapters/replication"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// maxVoters is up to how many nodes take a vote. With more of them, each decision would wait for more
// answers and hardly be any safer.
const maxVoters = 5

// Add implements kafkaproto.Voters. The node begins without a vote.
func (md *Metadata) Add(ctx context.Context, node int32, address string) error {
	m, err := md.membership(ctx)
	if err != nil {
		return err
	}
	switch known, follows := m.NonVoters[node]; {
	case m.Voters[node] != "":
		return fault.New(fault.DuplicateVoter, "node %d is a member of the cluster, at raft address %s", node, m.Voters[node])
	case m.Removed[node]:
		return fault.New(fault.InvalidRequest,
			"node %d was removed from the cluster, and no node can join under that id again: give it another node_id "+
				"and an empty data directory", node)
	case follows && known != address:
		return fault.New(fault.DuplicateVoter, "node %d is added already, at raft address %s: remove it first", node, known)
	}
	for _, nodes := range []map[int32]string{m.Voters, m.NonVoters} {
		for other, at := range nodes {
			if other != node && at == address {
				return fault.New(fault.InvalidRequest, "raft address %s is node %d's", address, other)
			}
		}
	}
	return asFault(md.replica.AddNonVoting(ctx, node, address))
}

// Remove implements kafkaproto.Voters. A node whose broker is registered stays, and so does one without whose vote
// the others could not decide.
func (md *Metadata) Remove(ctx context.Context, node int32, directory [16]byte) error {
	m, err := md.membership(ctx)
	if err != nil {
		return err
	}
	_, votes := m.Voters[node]
	_, follows := m.NonVoters[node]
	_, registered := md.Image().Broker(node)
	switch {
	case !votes && !follows:
		return fault.New(fault.VoterNotFound, "node %d is no member of the cluster", node)
	case directory != [16]byte{} && directory != md.Voters()[node]:
		return fault.New(fault.VoterNotFound, "node %d votes under another directory id", node)
	case registered:
		return fault.New(fault.InvalidRequest, "broker %d is registered: unregister it first", node)
	}
	if votes {
		rest, alive := 0, 0
		for other := range m.Voters {
			if other == node {
				continue
			}
			rest++
			if b, ok := md.Image().Broker(other); ok && !b.Fenced {
				alive++
			}
		}
		if alive <= rest/2 {
			return fault.New(fault.InvalidRequest, "without node %d, %d of %d voters are in service, which is no majority", node,
				alive, rest)
		}
	}
	return asFault(md.replica.Remove(ctx, node))
}

// Lead implements kafkaproto.Voters.
func (md *Metadata) Lead(ctx context.Context) error {
	m, err := md.membership(ctx)
	if err != nil {
		return err
	}
	self := md.node.NodeID()
	if _, votes := m.Voters[self]; !votes {
		return fault.New(fault.PreferredLeaderNotAvailable, "node %d has no vote", self)
	}
	return asFault(md.replica.TransferLeadership(ctx, self))
}

// membership returns who the members are, with an image at least as new. It waits for a while
// for a leader that can tell.
func (md *Metadata) membership(ctx context.Context) (raftnode.Membership, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	if err := md.Barrier(ctx); err != nil {
		return raftnode.Membership{}, err
	}
	m, err := md.replica.Membership(ctx)
	return m, asFault(err)
}

// asFault returns what clients are told of an error of the group.
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

// lookAgain is the time between two looks at whether this node may vote, and at the group.
const lookAgain = 2 * time.Second

// Vote gives this node a vote once it has caught up, if there is one to be had. A voter remains one. When ctx ends, it
// hands the leadership of the metadata over, so that the others need not find out by themselves that the leader is
// gone. So it does while its disk is nearly full.
func (md *Metadata) Vote(ctx context.Context, log *slog.Logger) error {
	md.awaitVote(ctx, log)
	md.look(ctx, log)
	md.handOver(context.WithoutCancel(ctx), log)
	return nil
}

// leadAgain is how long a node that has given way may lead when the leadership comes back to it: all disks may be full.
const leadAgain = time.Minute

// look looks after the group until ctx ends. It has another voter lead the metadata while this node's disk is nearly
// full: what clients want to be made they ask the leader for, and it would have to refuse.
func (md *Metadata) look(ctx context.Context, log *slog.Logger) {
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		wait := lookAgain
		if err := md.claimForOthers(ctx); err != nil && ctx.Err() == nil {
			log.DebugContext(ctx, "not all voters have claimed their votes", "err", err)
		}
		if err := md.Ready(); err != nil && md.replica.IsLeader() {
			log.WarnContext(ctx, "this node should not lead the metadata", "err", err)
			md.handOver(ctx, log)
			wait = leadAgain
		}
		timer.Reset(wait)
	}
}

// handingOver bounds how long a node that stops tries to have another lead.
const handingOver = 2 * time.Second

// handOver has another voter lead the metadata, the next one that is in service, if this node leads and there is one.
func (md *Metadata) handOver(ctx context.Context, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, handingOver)
	defer cancel()
	if !md.replica.IsLeader() {
		return
	}
	m, err := md.membership(ctx)
	if err != nil {
		log.WarnContext(ctx, "leadership of the metadata is not handed over", "err", err)
		return
	}
	self, voters := md.node.NodeID(), sortedKeys(m.Voters)
	at := slices.Index(voters, self)
	for _, to := range slices.Concat(voters[at+1:], voters[:max(at, 0)]) {
		if b, ok := md.Image().Broker(to); !ok || !b.Active() {
			continue
		}
		if err := md.replica.TransferLeadership(ctx, to); err != nil {
			log.WarnContext(ctx, "leadership of the metadata is not handed over", "to", to, "err", err)
			return
		}
		log.InfoContext(ctx, "leadership of the metadata is handed over", "to", to)
		return
	}
}

func (md *Metadata) awaitVote(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for votes := false; !votes; {
		var err error
		if votes, err = md.takeVote(ctx); err != nil && ctx.Err() == nil {
			log.DebugContext(ctx, "no vote yet", "err", err)
		}
		if votes {
			log.InfoContext(ctx, "this node votes on the metadata", "node", md.node.NodeID())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (md *Metadata) takeVote(ctx context.Context) (votes bool, err error) {
	m, err := md.membership(ctx)
	if err != nil {
		return false, err
	}
	if _, votes := m.Voters[md.node.NodeID()]; votes {
		return true, nil
	}
	if len(m.Voters) >= maxVoters {
		return false, nil
	}
	err = md.replica.Promote(ctx)
	return err == nil, err
}

// diagnose says why this node may get no answer from a majority, and returns an error when it never will.
func (md *Metadata) diagnose(ctx context.Context, log *slog.Logger) error {
	self := md.node.NodeID()
	for _, other := range md.others {
		known, err := replication.AskQuorum(ctx, md.secure, int32(other.ID), other.Kafka)
		if replication.Distrust(err) {
			log.WarnContext(ctx, "another node and this one do not believe each other", "node", other.ID, "err", err)
		}
		if err != nil || !known.Agreed {
			continue
		}
		if _, member := known.Voters[self]; member {
			break
		}
		if md.Image().Index() > 0 {
			return fmt.Errorf(
				"node %d was removed from the cluster, as node %d says: to let it join again, give it a new node_id and an empty data "+
					"directory, add that with `chronik-server cluster add-node`, and start it with cluster.join = true",
				self, other.ID,
			)
		}
		log.InfoContext(ctx, "waiting to be added to the cluster: chronik-server cluster add-node", "node", self)
		return nil
	}
	log.InfoContext(ctx, "waiting for a majority of the cluster's nodes", "leader", md.Leadership().NodeID)
	return nil
}

//go:build raft

package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/replication"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
)

// askAgain is the time between two rounds of questions while a node waits for the others to know it.
const askAgain = 200 * time.Millisecond

// awaitClaim returns when this node may take part in deciding on the metadata; see controller.VoteClaim. A node whose
// claim was agreed on, as it knows by itself, need not ask.
func (md *Metadata) awaitClaim(ctx context.Context, joins bool, log *slog.Logger) error {
	claim := controller.VoteClaim{Node: md.node.NodeID(), Incarnation: md.node.Incarnation(), Joins: joins}
	if md.node.VoteClaimed() || md.memory.machine.Voters()[claim.Node] == claim.Incarnation {
		return nil
	}
	for _, other := range md.others {
		claim.Others = append(claim.Others, int32(other.ID))
	}
	if err := md.early.open(ctx, md.memory); err != nil {
		return err
	}
	for round, told := 0, time.Now(); ; round++ {
		answers, err := md.askOthers(ctx)
		if err != nil {
			return err
		}
		holds, err := md.weigh(&claim, answers)
		if holds || err != nil {
			return err
		}
		if now := time.Now(); round == 0 || now.Sub(told) >= attempt {
			told = now
			log.InfoContext(ctx, "waiting until other nodes know this one, before it may vote", "node", claim.Node,
				"missing", claim.Missing(answers))
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// weigh notes what the other nodes say of themselves, and reports whether this node's claim holds. That is noted, too.
func (md *Metadata) weigh(claim *controller.VoteClaim, answers []controller.KnownVoters) (holds bool, err error) {
	if !claim.Joins {
		if err := md.node.NoteFounders(claim.Introduced(answers)); err != nil {
			return false, err
		}
	}
	holds, err = claim.Holds(answers)
	if err != nil {
		return false, fmt.Errorf("%w: %s", err, raftmeta.VotesLost(claim.Node))
	}
	if holds && !claim.Joins {
		return true, md.node.NoteVoteClaimed()
	}
	return holds, nil
}

// askOthers asks all other nodes at once who votes, and returns what those know that answer. When one runs that does
// not believe this node, or this node it, that is an error: what it knows must not be passed over.
func (md *Metadata) askOthers(ctx context.Context) ([]controller.KnownVoters, error) {
	known, errs := make([]controller.KnownVoters, len(md.others)), make([]error, len(md.others))
	var asking sync.WaitGroup
	for i, other := range md.others {
		asking.Go(func() { known[i], errs[i] = replication.AskQuorum(ctx, md.secure, int32(other.ID), other.Kafka) })
	}
	asking.Wait()
	var answers []controller.KnownVoters
	for i, err := range errs {
		switch {
		case err == nil:
			answers = append(answers, known[i])
		case replication.Distrust(err):
			return nil, fmt.Errorf("ask node %d whether this node is new: %w", md.others[i].ID, err)
		}
	}
	return answers, nil
}

// claimForOthers has it agreed on who those voters are that have not claimed their votes. They wait for it: a node that
// was added before votes had to be claimed, and runs for the first time now. It does something on the leader only.
func (md *Metadata) claimForOthers(ctx context.Context) error {
	if !md.replica.IsLeader() {
		return nil
	}
	m, err := md.membership(ctx)
	if err != nil {
		return err
	}
	claimed := md.Voters()
	for _, node := range sortedKeys(m.Voters) {
		at := slices.IndexFunc(md.others, func(p configs.Peer) bool { return int32(p.ID) == node })
		if claimed[node] != [16]byte{} || at < 0 {
			continue
		}
		incarnation, noted := md.node.Founders()[node]
		if !noted {
			known, asked := replication.AskQuorum(ctx, md.secure, node, md.others[at].Kafka)
			if incarnation = known.Voters[node]; incarnation == [16]byte{} {
				err = errors.Join(err, asked)
				continue
			}
		}
		err = errors.Join(err, md.ClaimVoteOf(ctx, node, incarnation))
	}
	return err
}

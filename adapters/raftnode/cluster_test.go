//go:build raft

package raftnode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// others returns the nodes but one.
func others(nodes []*node, but int32) []*node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool { return n.set.NodeID == but })
}

func TestAnyNodeMayProposeAndAllApply(t *testing.T) {
	nodes, _ := cluster(t, 3, nil)
	var want []string
	for id, n := range nodes {
		entry := fmt.Sprint("from node ", id)
		n.propose(t, entry)
		if !slices.Contains(n.state.entries(), entry) {
			t.Errorf("node %d has not applied what it has proposed", id)
		}
		want = append(want, entry)
	}
	for id, n := range nodes {
		n.state.awaitEntry(t, want[2])
		if diff := cmp.Diff(want, once(n.state.entries())); diff != "" {
			t.Errorf("node %d applied (-want +got):\n%s", id, diff)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	oneLeads := func(context.Context) error {
		leads := slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool { return !n.replica.IsLeader() })
		if len(leads) != 1 { // as when the lead has just changed: the two hear of it one after the other
			return fmt.Errorf("%d nodes lead", len(leads))
		}
		return nil
	}
	if err := again(ctx, oneLeads); err != nil {
		t.Error(err)
	}
}

func TestABarrierSeesWhatAnotherNodeHasProposed(t *testing.T) {
	nodes, _ := cluster(t, 3, nil)
	for round := range 20 {
		entry := fmt.Sprint("round ", round)
		nodes[round%3].propose(t, entry)
		n := nodes[(round+1)%3]
		if err := again(t.Context(), n.replica.Barrier); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(n.state.entries(), entry) {
			t.Errorf("%s is not applied after a barrier", entry)
		}
	}
}

func TestTheOthersGoOnWithoutTheirLeader(t *testing.T) {
	nodes, members := cluster(t, 3, nil)
	nodes[0].propose(t, "before")
	leader := nodes[nodes[0].leader(t)]
	left := others(nodes, leader.set.NodeID)
	leader.stop(t)
	left[0].propose(t, "without it")
	left[0].awaitLeader(t, func(now int32) bool { return now != leader.set.NodeID })
	leader.start(t, members)
	leader.state.awaitEntry(t, "without it")
}

func TestWithoutAMajorityNothingIsAgreedOn(t *testing.T) {
	nodes, members := cluster(t, 3, nil)
	nodes[0].propose(t, "before")
	nodes[1].stop(t)
	nodes[2].stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	within := func(do func(context.Context) error) error {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return do(attempt)
	}
	alone := func(ctx context.Context) error { return nodes[0].replica.Propose(ctx, []byte("alone")) }
	for err := error(nil); !errors.Is(err, ErrNoLeader); { // until it has stepped down, or knows that its leader is gone
		if err = within(alone); err == nil || ctx.Err() != nil {
			t.Fatalf("Propose() = %v", err)
		}
	}
	if err := within(nodes[0].replica.Barrier); !errors.Is(err, ErrNoLeader) && !errors.Is(err, ErrUnknown) {
		t.Errorf("Barrier() = %v", err)
	}
	nodes[1].start(t, members)
	nodes[0].propose(t, "two of three")
}

func TestANodeThatLagsTooFarGetsASnapshot(t *testing.T) {
	nodes, members := cluster(t, 3, func(s *Settings) { s.SnapshotEntries, s.CompactionOverhead = 20, 5 })
	nodes[0].propose(t, "first")
	lagging := others(nodes, nodes[0].leader(t))[0]
	lagging.stop(t)
	from := others(nodes, lagging.set.NodeID)[0]
	for n := range 100 {
		from.propose(t, fmt.Sprint("entry ", n))
	}
	lagging.start(t, members)
	lagging.state.awaitEntry(t, "entry 99")
	if diff := cmp.Diff(upTo("entry 99", from.state.entries()), upTo("entry 99", lagging.state.entries())); diff != "" {
		t.Errorf("the node that lagged (-others +it):\n%s", diff)
	}
	if lagging.state.restored == 0 {
		t.Error("it has got no snapshot")
	}
	lagging.stop(t)
	lagging.start(t, members)
	lagging.propose(t, "last")
}

func TestLeadershipIsTransferred(t *testing.T) {
	nodes, _ := cluster(t, 3, nil)
	target := others(nodes, nodes[0].leader(t))[0]
	for _, n := range nodes {
		ctx, cancel := context.WithTimeout(t.Context(), long)
		if err := n.replica.TransferLeadership(ctx, target.set.NodeID); err != nil {
			t.Errorf("TransferLeadership() = %v", err)
		}
		cancel()
	}
	target.awaitLeader(t, func(now int32) bool { return now == target.set.NodeID })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := nodes[0].replica.TransferLeadership(ctx, 9); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("TransferLeadership() to nobody = %v", err)
	}
}

func TestASlowReaderOfLeaderChangesDelaysNothing(t *testing.T) {
	nodes, _ := cluster(t, 3, nil)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var terms []uint64
	for l := range nodes[0].replica.LeaderChanges(ctx) {
		if l.NodeID < 0 || len(terms) > 0 && l.Term == terms[0] { // it may have lost sight of a leader for a moment
			continue
		}
		terms = append(terms, l.Term)
		if len(terms) == 2 {
			break
		}
		for _, n := range others(nodes, nodes[0].leader(t)) { // while the reader is busy
			if err := n.replica.TransferLeadership(ctx, n.set.NodeID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(terms) != 2 || terms[1] < terms[0]+1 {
		t.Errorf("terms seen: %v", terms)
	}
}

// TestANodeIsReplaced adds a fourth node without a vote, promotes it, and removes one of the first three.
func TestANodeIsReplaced(t *testing.T) {
	nodes, members := cluster(t, 3, func(s *Settings) { s.SnapshotEntries, s.CompactionOverhead = 20, 5 })
	for n := range 60 {
		nodes[0].propose(t, fmt.Sprint("entry ", n))
	}
	fresh, gone := newNode(t, 3), nodes[2]
	ctx, cancel := context.WithTimeout(t.Context(), 4*long)
	defer cancel()
	add := func(ctx context.Context) error { return nodes[0].replica.AddNonVoting(ctx, 3, fresh.set.Address) }
	if err := again(ctx, add); err != nil {
		t.Fatal(err)
	}
	fresh.start(t, Members{Join: true})
	fresh.state.awaitEntry(t, "entry 59")
	fresh.stop(t)
	fresh.start(t, members) // what else would the configuration say?
	for range 2 {           // the second time it is a voter
		if err := again(ctx, fresh.replica.Promote); err != nil {
			t.Fatal(err)
		}
	}
	gone.stop(t)
	for range 2 {
		remove := func(ctx context.Context) error { return fresh.replica.Remove(ctx, 2) }
		if err := again(ctx, remove); err != nil {
			t.Fatal(err)
		}
	}
	var got Membership
	err := again(ctx, func(ctx context.Context) (err error) {
		got, err = nodes[0].replica.Membership(ctx)
		return err
	})
	want := map[int32]string{0: nodes[0].set.Address, 1: nodes[1].set.Address, 3: fresh.set.Address}
	if diff := cmp.Diff(want, got.Voters); err != nil || diff != "" || len(got.NonVoters) != 0 {
		t.Errorf("membership: %v, %v (-want +got):\n%s", err, got.NonVoters, diff)
	}
	var refused error
	err = again(ctx, func(ctx context.Context) error {
		err := nodes[0].replica.AddNonVoting(ctx, 2, gone.set.Address)
		if err == nil || errors.Is(err, ErrConflict) {
			refused = err
			return nil
		}
		return err
	})
	if err != nil || refused == nil {
		t.Errorf("AddNonVoting() of a removed node = %v, %v", refused, err)
	}
	fresh.stop(t)
	fresh.start(t, members)
	nodes[1].stop(t)
	fresh.propose(t, "two of the new three")
}

func TestMembersThatAreNoneCannotBePromotedAndTheLastVoterStays(t *testing.T) {
	nodes, _ := cluster(t, 1, nil)
	nodes[0].leader(t)
	if err := nodes[0].replica.Remove(t.Context(), 0); !errors.Is(err, ErrConflict) {
		t.Errorf("Remove() = %v", err)
	}
	if err := nodes[0].replica.Remove(t.Context(), 5); err != nil {
		t.Errorf("Remove() of no member = %v", err)
	}
}

func TestConcurrentProposalsAreAllApplied(t *testing.T) {
	nodes, _ := cluster(t, 3, nil)
	const each = 100
	var wg sync.WaitGroup
	for id, n := range nodes {
		for client := range 4 {
			wg.Go(func() {
				for k := range each {
					propose := func(ctx context.Context) error { return n.replica.Propose(ctx, fmt.Append(nil, id, client, k)) }
					if err := again(t.Context(), propose); err != nil {
						t.Errorf("node %d: %v", id, err)
					}
				}
			})
		}
	}
	wg.Wait()
	nodes[0].propose(t, "last")
	for _, n := range nodes {
		n.state.awaitEntry(t, "last")
		if diff := cmp.Diff(upTo("last", nodes[0].state.entries()), upTo("last", n.state.entries())); diff != "" {
			t.Errorf("node %d (-node 0 +it):\n%s", n.set.NodeID, diff)
		}
	}
	if got := len(nodes[0].state.entries()); got < 3*4*each+1 {
		t.Errorf("%d entries are applied", got)
	}
}

//go:build raft

package cluster

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/test/harness"
)

// join adds a node to the cluster and starts it; it stops with the test.
func (c *cluster) join(t *testing.T, id int32) *node {
	t.Helper()
	n := newNode(t.TempDir(), id, harness.FreeAddr(t))
	err := c.nodes[0].voters.Add(t.Context(), id, n.set.Address)
	if err == nil {
		err = n.start(t.Context(), raftnode.Members{Join: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func wantFault(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if fault.KindOf(err) != kind {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

func TestNodesThatJoinVoteUntilThereAreFive(t *testing.T) {
	c := running(t, 4, nil)
	for id := int32(4); id <= 5; id++ {
		n := c.join(t, id)
		await(t, n, c.nodes[0].Image().Index())
		if votes, err := n.voters.TakeVote(t.Context()); err != nil || votes != (id == 4) {
			t.Errorf("node %d votes: %t, %v", id, votes, err)
		}
		if votes, err := n.voters.TakeVote(t.Context()); err != nil || votes != (id == 4) {
			t.Errorf("node %d, asked again, votes: %t, %v", id, votes, err)
		}
	}
	q, err := c.nodes[0].voters.Describe(t.Context(), false)
	if err != nil || len(q.Voters) != 5 || len(q.Observers) != 1 || q.Observers[0].Node != 5 {
		t.Errorf("quorum %+v, %v", q, err)
	}
}

func TestANodeThatCannotJoinIsRefused(t *testing.T) {
	c := running(t, 3, nil)
	voters := c.nodes[0].voters
	wantFault(t, "a voter", voters.Add(t.Context(), 1, "h:1"), fault.DuplicateVoter)
	wantFault(t, "another's address", voters.Add(t.Context(), 7, c.nodes[1].set.Address), fault.InvalidRequest)
	wantFault(t, "a new node", voters.Add(t.Context(), 7, "localhost:1"), fault.None)
	wantFault(t, "the same again", voters.Add(t.Context(), 7, "localhost:1"), fault.None)
	wantFault(t, "the same elsewhere", voters.Add(t.Context(), 7, "localhost:2"), fault.DuplicateVoter)
	wantFault(t, "its removal", voters.Remove(t.Context(), 7, [16]byte{}), fault.None)
	wantFault(t, "a removed node", voters.Add(t.Context(), 7, "localhost:1"), fault.InvalidRequest)
}

func TestAVoterThatIsNeededIsNotRemoved(t *testing.T) {
	c := running(t, 3, nil)
	voters := c.nodes[0].voters
	for id := range int32(3) {
		apply(t, c.nodes[0], metadata.RegisterBroker{ID: id, Incarnation: [16]byte{1}, Fenced: id == 1})
	}
	wantFault(t, "an unknown node", voters.Remove(t.Context(), 9, [16]byte{}), fault.VoterNotFound)
	wantFault(t, "another directory", voters.Remove(t.Context(), 2, [16]byte{1}), fault.VoterNotFound)
	wantFault(t, "a registered broker", voters.Remove(t.Context(), 2, [16]byte{}), fault.InvalidRequest)
	apply(t, c.nodes[0], metadata.UnregisterBroker{ID: 2})
	wantFault(t, "one of two active ones", voters.Remove(t.Context(), 2, [16]byte{}), fault.InvalidRequest)
	apply(t, c.nodes[0], metadata.UnregisterBroker{ID: 1})
	apply(t, c.nodes[0], metadata.RegisterBroker{ID: 2, Incarnation: [16]byte{2}})
	wantFault(t, "the dead one", voters.Remove(t.Context(), 1, [16]byte{}), fault.None)
	m, err := c.nodes[0].group.Members(t.Context())
	if left := slices.Sorted(maps.Keys(m.Voters)); err != nil || !slices.Equal(left, []int32{0, 2}) {
		t.Errorf("voters %v, %v", left, err)
	}
}

func TestANodeThatStopsHandsTheMetadataOver(t *testing.T) {
	c := running(t, 3, nil)
	for id := range int32(3) {
		apply(t, c.nodes[0], metadata.RegisterBroker{ID: id, Incarnation: [16]byte{1}, Fenced: id == 1})
	}
	wantFault(t, "node 2 leads", c.nodes[2].voters.Lead(t.Context()), fault.None)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := c.nodes[2].voters.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if leader := c.nodes[2].Leadership().NodeID; leader != 0 {
		t.Errorf("node %d leads, want 0: node 1 is fenced", leader)
	}
	wantFault(t, "node 0 leads already", c.nodes[0].voters.Lead(t.Context()), fault.None)
}

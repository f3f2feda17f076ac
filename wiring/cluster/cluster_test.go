//go:build raft

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/test/harness"
)

func peers(nodes ...*node) raftnode.Members {
	m := raftnode.Members{Peers: map[int32]string{}}
	for _, n := range nodes {
		m.Peers[n.set.NodeID] = n.set.Address
	}
	return m
}

func TestWhatOneNodeAppliesAllNodesHold(t *testing.T) {
	c := running(t, 3, nil)
	apply(t, c.nodes[0], register)
	for n, from := range c.nodes {
		got := apply(t, from, topic(fmt.Sprint("topic-", n)))
		if from.Image().Index() < got.Index {
			t.Errorf("node %d does not hold what it has applied", n)
		}
		for _, other := range c.nodes {
			img := await(t, other, got.Index)
			if diff := cmp.Diff(dump(t, from.Image()), dump(t, img)); diff != "" {
				t.Errorf("node %d (-node %d +it):\n%s", other.set.NodeID, n, diff)
			}
		}
		if _, err := from.Apply(t.Context(), topic("topic-0")); !errors.Is(err, fault.TopicExists) {
			t.Errorf("node %d: Apply() of a topic that exists = %v", n, err)
		}
		if got := from.Leadership(); got.Local != (n == 0) || got.NodeID != 0 || got.Term == 0 {
			t.Errorf("node %d: Leadership() = %+v", n, got)
		}
	}
}

func TestABarrierOnAFollowerSeesWhatTheLeaderWasTold(t *testing.T) {
	c := running(t, 3, nil)
	for range 20 {
		got := apply(t, c.nodes[0], oneID)
		if err := c.nodes[1].Barrier(t.Context()); err != nil || c.nodes[1].Image().Index() < got.Index {
			t.Errorf("Barrier() = %v, image at %d, want %d at least", err, c.nodes[1].Image().Index(), got.Index)
		}
	}
}

// TestAChangeOfLeadersAppliesEveryCommandOnce moves the leadership around and stops a leader while
// commands are applied on all nodes.
func TestAChangeOfLeadersAppliesEveryCommandOnce(t *testing.T) {
	c := running(t, 3, nil)
	const clients, each = 4, 50
	var wg sync.WaitGroup
	var mu sync.Mutex
	given := map[int64]bool{}
	for _, n := range c.nodes[1:] {
		for range clients {
			wg.Go(func() {
				for range each {
					got, err := n.Apply(t.Context(), oneID)
					if err != nil {
						t.Errorf("node %d: Apply() = %v", n.set.NodeID, err)
						return
					}
					mu.Lock()
					if given[got.ProducerIDs.First] {
						t.Errorf("id %d was given twice", got.ProducerIDs.First)
					}
					given[got.ProducerIDs.First] = true
					mu.Unlock()
				}
			})
		}
	}
	for _, to := range []int32{1, 2, 0} {
		if err := c.nodes[0].replica(t).TransferLeadership(t.Context(), to); err != nil {
			t.Error(err)
		}
	}
	stop(t, c.nodes[0])
	wg.Wait()
	if err := c.nodes[1].Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := int64(2 * clients * each); c.nodes[1].Image().NextProducerID() != want {
		t.Errorf("%d ids were given to %d commands", c.nodes[1].Image().NextProducerID(), want)
	}
	c.restart(t, c.nodes[0])
	img := await(t, c.nodes[0], c.nodes[1].Image().Index())
	if diff := cmp.Diff(dump(t, c.nodes[1].Image()), dump(t, img)); diff != "" {
		t.Errorf("the node that was started again (-other +it):\n%s", diff)
	}
}

func TestANodeThatLagsTooFarTakesASnapshotIn(t *testing.T) {
	c := running(t, 3, func(s *raftnode.Settings) { s.SnapshotEntries, s.CompactionOverhead = 20, 5 })
	apply(t, c.nodes[0], register)
	lagging := c.nodes[2]
	if err := lagging.ClaimVote(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop(t, lagging)
	for n := range 60 {
		apply(t, c.nodes[0], topic(fmt.Sprint("topic-", n)))
	}
	for range 2 {
		c.restart(t, lagging)
		// After a snapshot it would not know the outcome of its own commands.
		if err := lagging.Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := apply(t, lagging, oneID)
		if diff := cmp.Diff(dump(t, await(t, c.nodes[0], got.Index)), dump(t, lagging.Image())); diff != "" {
			t.Errorf("the node that lagged (-other +it):\n%s", diff)
		}
		if diff := cmp.Diff(c.nodes[0].Voters(), lagging.Voters()); diff != "" {
			t.Errorf("voters (-other +it):\n%s", diff)
		}
		stop(t, lagging)
	}
}

func TestANodeTakesTheMetadataOfAClusterThatItJoins(t *testing.T) {
	c := running(t, 3, func(s *raftnode.Settings) { s.SnapshotEntries, s.CompactionOverhead = 20, 5 })
	apply(t, c.nodes[0], register)
	for n := range 60 {
		apply(t, c.nodes[0], topic(fmt.Sprint("topic-", n)))
	}
	fresh := newNode(t.TempDir(), 3, harness.FreeAddr(t))
	persistently(t,
		func(ctx context.Context) error { return c.nodes[0].replica(t).AddNonVoting(ctx, 3, fresh.set.Address) })
	if err := fresh.start(t.Context(), raftnode.Members{Join: true}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := fresh.Close(); err != nil {
			t.Error(err)
		}
	}()
	await(t, fresh, c.nodes[0].Image().Index())
	persistently(t, fresh.replica(t).Promote)
	persistently(t, func(ctx context.Context) error { return fresh.replica(t).Remove(ctx, 2) })
	stop(t, c.nodes[2])
	stop(t, c.nodes[1])
	got := apply(t, fresh, oneID) // two of the three that are left
	if diff := cmp.Diff(dump(t, await(t, c.nodes[0], got.Index)), dump(t, fresh.Image())); diff != "" {
		t.Errorf("the new node (-other +it):\n%s", diff)
	}
}

// persistently changes the membership as nodes do: it repeats a request that has timed out.
func persistently(t *testing.T, change func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		err := change(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// TestAWipedNodeIsRefused: a node that has lost a part of its data does not start. One that has lost everything is
// recognized by its new incarnation.
func TestAWipedNodeIsRefused(t *testing.T) {
	c := running(t, 3, nil)
	apply(t, c.nodes[0], register)
	for _, n := range c.nodes {
		if err := n.ClaimVote(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wiped := c.nodes[2]
	if err := wiped.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop(t, wiped)
	raft, aside := filepath.Join(wiped.set.Dir, "raft"), filepath.Join(t.TempDir(), "raft")
	if err := os.Rename(raft, aside); err != nil {
		t.Fatal(err)
	}
	if err := wiped.start(t.Context(), c.members); !errors.Is(err, fault.InconsistentVoterSet) {
		t.Errorf("start without the raft directory = %v", err)
	}
	if err := errors.Join(os.RemoveAll(raft), os.Rename(aside, raft)); err != nil {
		t.Fatal(err)
	}
	c.restart(t, wiped)
	stop(t, wiped)
	if err := os.RemoveAll(wiped.set.Dir); err != nil {
		t.Fatal(err)
	}
	m, err := raftnode.Open(wiped.set, discard())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if known, ok := c.nodes[0].Voters()[2]; !ok || m.VoteClaimed() || known == m.Incarnation() {
		t.Errorf("a wiped node cannot be told: vote claimed %t, incarnation %x, known %x", m.VoteClaimed(),
			m.Incarnation(), known)
	}
}

func TestANodeNeedsAManager(t *testing.T) {
	_, err := Open(t.Context(), new(configs.Config), nil, nil, walSettings(t.TempDir()), discard())
	if !errors.Is(err, ErrNoManager) || err.Error() != "Raft manager required for clustered mode" {
		t.Errorf("Open() = %v", err)
	}
}

func TestMetadataOfABrokerAloneDoesNotBecomeAClusters(t *testing.T) {
	c := newCluster(t, t.TempDir(), 1, nil)
	alone, err := openAlone(c.nodes[0].set.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alone.Apply(t.Context(), metadata.InitCluster{ClusterID: "alone"}); err != nil {
		t.Fatal(err)
	}
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.nodes[0].start(t.Context(), c.members); err == nil {
		t.Error("it is taken")
	}
}

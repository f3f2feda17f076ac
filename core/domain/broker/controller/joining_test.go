package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// notebook implements VoterNotes in memory.
type notebook struct {
	claimed  bool
	founders map[int32][16]byte
}

func (n *notebook) VoteClaimed() bool            { return n.claimed }
func (n *notebook) Founders() map[int32][16]byte { return maps.Clone(n.founders) }

func (n *notebook) NoteVoteClaimed() error {
	n.claimed = true
	return nil
}

func (n *notebook) NoteFounders(nodes map[int32][16]byte) error {
	for node, incarnation := range nodes {
		if _, known := n.founders[node]; !known {
			n.founders[node] = incarnation
		}
	}
	return nil
}

// asked implements VoterPeers: the answer or the error of each other node.
type asked struct {
	answer map[int32]KnownVoters
	fails  map[int32]error
	times  atomic.Int32
}

func (a *asked) Ask(_ context.Context, node int32) (KnownVoters, error) {
	a.times.Add(1)
	if err := a.fails[node]; err != nil {
		return KnownVoters{}, err
	}
	return a.answer[node], nil
}

// door implements Announcer and counts its calls.
type door struct{ opened, closed int }

func (d *door) Open(context.Context, *OwnVoters) error {
	d.opened++
	return nil
}

func (d *door) Close() error {
	d.closed++
	return nil
}

var self, stranger = [16]byte{1}, [16]byte{9}

// joining returns node 1, which begins a cluster with nodes 2 and 3.
func joining(peers VoterPeers) (*Joining, *notebook, *door) {
	notes, at := &notebook{founders: map[int32][16]byte{}}, new(door)
	return NewJoining(JoinSettings{
		Claim: VoteClaim{Node: 1, Incarnation: self, Others: []int32{2, 3}}, Notes: notes, Peers: peers, Announcer: at,
		Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	}), notes, at
}

func nobodyAgreed() map[int32][16]byte { return nil }

// telling returns the answer of a node that knows an incarnation of node 1.
func telling(node int32, known [16]byte) KnownVoters {
	return KnownVoters{By: node, Voters: map[int32][16]byte{1: known, node: {byte(node)}}}
}

func TestANodeVotesOnceAllOthersHaveNotedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peers := &asked{answer: map[int32]KnownVoters{2: telling(2, self), 3: telling(3, [16]byte{})}}
		j, notes, at := joining(peers)
		early, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := j.AwaitClaim(early, j.Own(nobodyAgreed)); !errors.Is(err, context.DeadlineExceeded) || notes.claimed {
			t.Errorf("before node 3 has noted it: %v", err)
		}
		peers.answer[3] = telling(3, self)
		if err := j.AwaitClaim(t.Context(), j.Own(nobodyAgreed)); err != nil || !notes.claimed {
			t.Errorf("after it has: %v", err)
		}
		if len(notes.founders) != 2 || at.opened == 0 {
			t.Errorf("it notes %v of the others, and answers them %d times", notes.founders, at.opened)
		}
		asked := peers.times.Load()
		if err := j.AwaitClaim(t.Context(), j.Own(nobodyAgreed)); err != nil || peers.times.Load() != asked {
			t.Errorf("a node whose claim is noted asks again: %v", err)
		}
	})
}

func TestANodeWhoseClaimWasAgreedOnAsksNobody(t *testing.T) {
	peers := new(asked)
	j, _, _ := joining(peers)
	own := j.Own(func() map[int32][16]byte { return map[int32][16]byte{1: self} })
	if err := j.AwaitClaim(t.Context(), own); err != nil || peers.times.Load() > 0 {
		t.Errorf("AwaitClaim() = %v, and others were asked %d times", err, peers.times.Load())
	}
}

func TestAWipedNodeIsToldWhatToDo(t *testing.T) {
	j, notes, _ := joining(&asked{answer: map[int32]KnownVoters{2: telling(2, stranger), 3: telling(3, self)}})
	err := j.AwaitClaim(t.Context(), j.Own(nobodyAgreed))
	if !errors.Is(err, fault.InconsistentVoterSet) || !strings.Contains(err.Error(), "replace-node 1") || notes.claimed {
		t.Errorf("AwaitClaim() = %v, claimed %t", err, notes.claimed)
	}
}

func TestANodeThatIsNotBelievedDoesNotVote(t *testing.T) {
	strangers := map[int32]error{3: fmt.Errorf("%w: unknown authority", ErrDistrust)}
	j, notes, _ := joining(&asked{answer: map[int32]KnownVoters{2: telling(2, self)}, fails: strangers})
	if err := j.AwaitClaim(t.Context(), j.Own(nobodyAgreed)); !errors.Is(err, ErrDistrust) || notes.claimed {
		t.Errorf("AwaitClaim() = %v, claimed %t", err, notes.claimed)
	}
}

// votersStore is a node's metadata with the claims of its voters.
type votersStore struct {
	nodeStore
	voters map[int32][16]byte
	full   error
}

func (s *votersStore) Voters() map[int32][16]byte { return s.voters }
func (s *votersStore) Ready() error               { return s.full }

func (s *votersStore) ClaimVote(ctx context.Context) error { return s.ClaimVoteOf(ctx, s.node, self) }

func (s *votersStore) ClaimVoteOf(_ context.Context, node int32, incarnation [16]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leader < 0 {
		return fault.NotController
	}
	s.voters[node] = incarnation
	return nil
}

func newVotersStore(node int32) *votersStore {
	n := &nodes{img: new(metadata.Image), leader: 1, away: map[int32]bool{}}
	return &votersStore{nodeStore: nodeStore{n, node}, voters: map[int32][16]byte{}}
}

func TestANodeClaimsItsVoteAndRegistersOnceThereIsAMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newVotersStore(1)
		store.leader = -1
		j, _, at := joining(&asked{answer: map[int32]KnownVoters{}})
		time.AfterFunc(time.Minute, func() { store.set(func() { store.leader = 1 }) })
		epoch, err := j.Register(t.Context(), store, j.Own(store.Voters), MembershipSettings{NodeID: 1, Incarnation: self},
			"cluster")
		b, known := store.Image().Broker(1)
		if err != nil || !known || b.Epoch != epoch || !b.Fenced || store.voters[1] != self ||
			store.Image().ClusterID() != "cluster" {
			t.Errorf("Register() = %d, %v: broker %+v, voters %v", epoch, err, b, store.voters)
		}
		if at.opened == 0 || at.closed == 0 {
			t.Errorf("meanwhile it begins to answer others %d times, and ends that %d times", at.opened, at.closed)
		}
	})
}

func TestANodeThatWasRemovedIsToldSo(t *testing.T) {
	store := newVotersStore(1)
	if _, err := store.Apply(t.Context(), metadata.InitCluster{ClusterID: "cluster"}); err != nil {
		t.Fatal(err)
	}
	store.leader = -1
	without := KnownVoters{By: 2, Agreed: true, Voters: map[int32][16]byte{2: {2}, 3: {3}}}
	j, _, _ := joining(&asked{answer: map[int32]KnownVoters{2: without}})
	_, err := j.Register(t.Context(), store, j.Own(store.Voters), MembershipSettings{NodeID: 1, Incarnation: self},
		"cluster")
	if err == nil || !strings.Contains(err.Error(), "node 1 was removed from the cluster, as node 2 says") {
		t.Errorf("Register() = %v", err)
	}
}

package controller

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/quorum"
)

// voting is a group of nodes as node self sees it, in memory.
type voting struct {
	self int32

	mu      sync.Mutex
	leader  int32
	members quorum.Members
	err     error // of what is asked
}

// votingNodes returns a group of voters that node 1 leads.
func votingNodes(self int32, voters ...int32) *voting {
	v := &voting{self: self, leader: 1, members: quorum.Members{Voters: map[int32]string{}, Observers: map[int32]string{}}}
	for _, node := range voters {
		v.members.Voters[node] = "x"
	}
	return v
}

// do calls change under the lock.
func (v *voting) do(change func()) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	change()
	return v.err
}

// leads returns the leader.
func (v *voting) leads() (node int32) {
	_ = v.do(func() { node = v.leader })
	return node
}

// votes reports whether a node has a vote.
func (v *voting) votes(node int32) (ok bool) {
	_ = v.do(func() { _, ok = v.members.Voters[node] })
	return ok
}

func (v *voting) Members(context.Context) (m quorum.Members, err error) {
	err = v.do(func() {
		m = quorum.Members{Voters: maps.Clone(v.members.Voters), Observers: maps.Clone(v.members.Observers)}
	})
	return m, err
}

func (v *voting) IsLeader() bool                 { return v.leads() == v.self }
func (v *voting) LeaderTerm() (node, term int32) { return v.leads(), 3 }

func (v *voting) AddObserver(_ context.Context, node int32, address string) error {
	return v.do(func() { v.members.Observers[node] = address })
}

func (v *voting) Promote(context.Context) error {
	return v.do(func() {
		v.members.Voters[v.self] = v.members.Observers[v.self]
		delete(v.members.Observers, v.self)
	})
}

func (v *voting) Remove(_ context.Context, node int32) error {
	return v.do(func() { delete(v.members.Voters, node) })
}

func (v *voting) TransferLeadership(_ context.Context, to int32) error {
	return v.do(func() { v.leader = to })
}

// votersOf returns the service on the node that group and store are of.
func votersOf(group *voting, store *votersStore, peers VoterPeers, forward ForwardQuorum) *Voters {
	notes := &notebook{founders: map[int32][16]byte{}}
	claim := VoteClaim{Node: group.self, Incarnation: self, Others: []int32{1, 2, 3, 4}}
	progress := NewQuorumProgress(NewController(store, nil, ControllerSettings{}, time.Now, slog.New(slog.DiscardHandler)))
	return NewVoters(VoterSettings{
		Own: NewOwnVoters(claim, notes, store.Voters), Store: store, Group: group, Peers: peers, Progress: progress,
		Forward: forward, Log: slog.New(slog.DiscardHandler),
	})
}

func serve(t *testing.T, store *votersStore, brokers ...int32) {
	t.Helper()
	for _, id := range brokers {
		if _, err := store.Apply(t.Context(), metadata.RegisterBroker{ID: id, Incarnation: [16]byte{byte(id)}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnObserverGetsAVoteOnceItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := votingNodes(6, 1, 2, 3, 4, 5)
		group.members.Observers[6] = "six:1"
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- votersOf(group, newVotersStore(6), new(asked), nil).Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if group.votes(6) {
			t.Error("a sixth node votes")
		}
		_ = group.Remove(ctx, 2)
		time.Sleep(voterCheck)
		synctest.Wait()
		if !group.votes(6) {
			t.Error("it does not vote in the place of one that has left")
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
}

func TestALeaderWhoseDiskIsFullHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group, store := votingNodes(1, 1, 2, 3), newVotersStore(1)
		serve(t, store, 1, 3) // node 2 does not serve
		store.full = fault.KafkaStorageError
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- votersOf(group, store, new(asked), nil).Run(ctx) }()
		time.Sleep(3 * voterCheck)
		synctest.Wait()
		if leader := group.leads(); leader != 3 {
			t.Errorf("node %d leads, want 3", leader)
		}
		_ = group.TransferLeadership(ctx, 1) // the other disks may be even fuller
		time.Sleep(leadAgain - 2*voterCheck)
		synctest.Wait()
		if leader := group.leads(); leader != 1 {
			t.Errorf("node %d leads, though the leadership came back a moment ago", leader)
		}
		stop()
		<-ended
		if leader := group.leads(); leader != 3 {
			t.Errorf("after the stop node %d leads, want 3", leader)
		}
	})
}

func TestTheLeaderClaimsForVotersThatHaveNot(t *testing.T) {
	group, store := votingNodes(1, 1, 2, 3, 4), newVotersStore(1)
	store.voters[1], store.voters[2] = self, [16]byte{2}
	peers := &asked{
		answer: map[int32]KnownVoters{3: {By: 3, Voters: map[int32][16]byte{3: {3}}}},
		fails:  map[int32]error{4: errors.New("nobody listens")},
	}
	err := votersOf(group, store, peers, nil).ClaimForOthers(t.Context())
	if want := map[int32][16]byte{1: self, 2: {2}, 3: {3}}; err == nil || !maps.Equal(store.voters, want) {
		t.Errorf("ClaimForOthers() = %v, voters %v", err, store.voters)
	}
	follower := votingNodes(2, 1, 2, 3)
	if err := votersOf(follower, newVotersStore(2), peers, nil).ClaimForOthers(t.Context()); err != nil {
		t.Errorf("on a follower: %v", err)
	}
}

func TestTheQuorumIsDescribedByItsLeader(t *testing.T) {
	store := newVotersStore(2)
	store.voters[3] = [16]byte{3}
	group := votingNodes(2, 1, 2, 3)
	asked := int32(-1)
	forward := func(_ context.Context, leader int32) (QuorumDescription, error) {
		asked = leader
		return QuorumDescription{Leader: leader, HighWatermark: 77}, nil
	}
	v := votersOf(group, store, nil, forward)
	if q, err := v.Describe(t.Context(), false); err != nil || q.HighWatermark != 77 || asked != 1 {
		t.Errorf("a client is told %+v, %v; asked was node %d", q, err, asked)
	}
	asked = -1
	q, err := v.Describe(t.Context(), true)
	if err != nil || asked >= 0 || q.Leader != 1 || q.LeaderEpoch != 3 || len(q.Voters) != 3 ||
		q.Voters[2].Directory != [16]byte{3} {
		t.Errorf("another broker is told %+v, %v; asked was node %d", q, err, asked)
	}
	group.err = fault.NotController
	q, err = v.Describe(t.Context(), false)
	nodes := []int32{}
	for _, r := range q.Voters {
		nodes = append(nodes, r.Node)
	}
	if !errors.Is(err, fault.NotController) || !slices.Equal(nodes, []int32{2, 3}) {
		t.Errorf("without a majority: nodes %v, %v", nodes, err)
	}
}

func TestOnlyAVoterCanBeMadeTheLeader(t *testing.T) {
	group := votingNodes(4, 1, 2, 3)
	v := votersOf(group, newVotersStore(4), nil, nil)
	if err := v.Lead(t.Context()); !errors.Is(err, fault.PreferredLeaderNotAvailable) || group.leader != 1 {
		t.Errorf("Lead() = %v, node %d leads", err, group.leader)
	}
	group.members.Voters[4] = "x"
	if err := v.Lead(t.Context()); err != nil || group.leader != 4 {
		t.Errorf("Lead() of a voter = %v, node %d leads", err, group.leader)
	}
}

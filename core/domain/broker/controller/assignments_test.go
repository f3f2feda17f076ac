package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// newAssigned returns brokers 1 and 2, with topic t on both. It has three partitions, all led by 2 though 1 is
// preferred.
func newAssigned(t *testing.T) (*nodes, *Assignments) {
	t.Helper()
	n := &nodes{img: new(metadata.Image), leader: 1}
	store := nodeStore{n, 1}
	for _, cmd := range []metadata.Command{
		metadata.RegisterBroker{ID: 1},
		metadata.RegisterBroker{ID: 2},
		metadata.CreateTopic{
			Name: "t", ID: metadata.TopicID{1}, Partitions: -1, ReplicationFactor: -1,
			Assignments: [][]int32{{1, 2}, {1, 2}, {2, 1}},
		},
		metadata.ShutDownBroker{ID: 1, Epoch: 1},
		metadata.FenceBroker{ID: 1, Epoch: 1},
		metadata.UnfenceBroker{ID: 1, Epoch: 1},
		metadata.AlterPartition{
			TopicID: metadata.TopicID{1}, BrokerID: 2, BrokerEpoch: 2, LeaderEpoch: 1, Version: 1,
			ISR: []int32{2, 1},
		},
	} {
		if _, err := store.Apply(t.Context(), cmd); err != nil {
			t.Fatalf("%#v: %v", cmd, err)
		}
	}
	return n, NewAssignments(store)
}

// outcome is an election without the message of its error.
type outcome struct {
	Partition int32
	Kind      fault.Kind
}

func outcomes(elections []Election) []outcome {
	var all []outcome
	for _, e := range elections {
		all = append(all, outcome{e.Partition, fault.KindOf(e.Err)})
	}
	return all
}

func TestLeadersAreElectedWhereThatIsAsked(t *testing.T) {
	n, a := newAssigned(t)
	elections := []Election{
		{Topic: "t"},
		{Topic: "t", Partition: 1},
		{Topic: "t", Partition: 2},
		{Topic: "t", Partition: 3},
		{Topic: "t", Partition: -1},
		{Topic: "none"},
	}
	a.Elect(t.Context(), elections, false)
	want := []outcome{
		{0, fault.None},
		{1, fault.PreferredLeaderNotAvailable},
		{2, fault.ElectionNotNeeded},
		{3, fault.UnknownTopicOrPartition},
		{-1, fault.UnknownTopicOrPartition},
		{0, fault.UnknownTopicOrPartition},
	}
	if diff := cmp.Diff(want, outcomes(elections)); diff != "" {
		t.Errorf("elections (-want +got):\n%s", diff)
	}
	if p := n.partition(t); p.Leader != 1 {
		t.Errorf("partition %+v", p)
	}
}

func TestAnElectionOfAllIsOneOfThoseWithNeed(t *testing.T) {
	_, a := newAssigned(t)
	want := []outcome{{0, fault.None}, {1, fault.PreferredLeaderNotAvailable}}
	if diff := cmp.Diff(want, outcomes(a.ElectAll(t.Context(), false))); diff != "" {
		t.Errorf("elections (-want +got):\n%s", diff)
	}
	if all := a.ElectAll(t.Context(), true); len(all) != 0 {
		t.Errorf("unclean elections with a leader everywhere: %+v", all)
	}
}

func TestPartitionsAreMoved(t *testing.T) {
	n, a := newAssigned(t)
	moves := []Reassignment{
		{Topic: "t", Replicas: []int32{2}},
		{Topic: "t", Partition: 1},
		{Topic: "t", Partition: 9},
		{Topic: "none"},
	}
	a.Reassign(t.Context(), moves, false)
	var kinds []fault.Kind
	for _, m := range moves {
		kinds = append(kinds, fault.KindOf(m.Err))
	}
	want := []fault.Kind{
		fault.None, fault.NoReassignmentInProgress, fault.UnknownTopicOrPartition,
		fault.UnknownTopicOrPartition,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("reassignments (-want +got):\n%s", diff)
	}
	wantPartition := metadata.Partition{Replicas: []int32{2}, ISR: []int32{2}, Leader: 2}
	if diff := cmp.Diff(wantPartition, n.partition(t), cmpopts.IgnoreFields(metadata.Partition{},
		"LeaderEpoch", "Version")); diff != "" {
		t.Errorf("partition (-want +got):\n%s", diff)
	}
	again := []Reassignment{{Topic: "t", Replicas: []int32{2, 1}}}
	if a.Reassign(t.Context(), again, true); fault.KindOf(again[0].Err) != fault.InvalidReplicationFactor {
		t.Errorf("another number of replicas: %v", again[0].Err)
	}
}

func TestOnlyABrokerOutOfServiceIsUnregistered(t *testing.T) {
	n, a := newAssigned(t)
	for id, want := range map[int32]fault.Kind{2: fault.InvalidRequest, 9: fault.BrokerIDNotRegistered} {
		if err := a.Unregister(t.Context(), id); fault.KindOf(err) != want {
			t.Errorf("Unregister(%d) = %v, want %v", id, err, want)
		}
	}
	if _, err := (nodeStore{n, 1}).Apply(t.Context(), metadata.FenceBroker{ID: 1, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	if err := a.Unregister(t.Context(), 1); err != nil {
		t.Errorf("Unregister(1) = %v", err)
	}
}

func TestANodeAloneIsTheOnlyVoter(t *testing.T) {
	n, _ := newAssigned(t)
	now := time.UnixMilli(1_700_000_000_000)
	got, err := NewSoleQuorum(nodeStore{n, 1}, 1, func() time.Time { return now }).Describe(t.Context(), false)
	want := QuorumDescription{
		Leader: 1, LeaderEpoch: 1, HighWatermark: 7,
		Voters: []QuorumReplica{{Node: 1, LogEndOffset: 7, LastFetch: now.UnixMilli(), LastCaughtUp: now.UnixMilli()}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

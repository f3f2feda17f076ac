package metadata

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// trio returns active brokers 1 to 3, the fenced broker 4, and topic "t" whose only partition is on 1, 2 and 3.
func trio(tb testing.TB, more ...Command) *Image {
	tb.Helper()
	return cluster(tb, 0, append([]Command{
		RegisterBroker{ID: 1, Incarnation: [16]byte{1}},
		RegisterBroker{ID: 2, Incarnation: [16]byte{1}},
		RegisterBroker{ID: 3, Incarnation: [16]byte{1}},
		RegisterBroker{ID: 4, Incarnation: [16]byte{1}, Fenced: true},
		CreateTopic{
			Name: "t", ID: TopicID{1}, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{{1, 2, 3}},
		},
	}, more...)...)
}

// The epochs of trio's brokers.
func fence(id int32) FenceBroker     { return FenceBroker{ID: id, Epoch: int64(id)} }
func unfence(id int32) UnfenceBroker { return UnfenceBroker{ID: id, Epoch: int64(id)} }

func isrOf(leader, leaderEpoch, version int32, isr ...int32) AlterPartition {
	return AlterPartition{
		TopicID: TopicID{1}, BrokerID: leader, BrokerEpoch: int64(leader), LeaderEpoch: leaderEpoch, Version: version,
		ISR: isr,
	}
}

func reassign(replicas ...int32) AlterReassignment {
	return AlterReassignment{TopicID: TopicID{1}, Replicas: replicas}
}

func TestPartitionsChangeAsInKafka(t *testing.T) {
	unclean := AlterConfigs{Type: ResourceTopic, Name: "t", Set: map[string]string{uncleanElectionConfig: "true"}}
	for _, c := range []struct {
		name     string
		commands []Command
		want     Partition
	}{
		{
			"a new partition has all its replicas in sync", nil,
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}, Leader: 1},
		},
		{
			"a fenced leader's place goes to the next in sync",
			[]Command{fence(1)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{2, 3}, Leader: 2, LeaderEpoch: 1, Version: 1},
		},
		{
			"to fence a follower does not raise the leader epoch",
			[]Command{fence(3)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2}, Leader: 1, Version: 1},
		},
		{
			"to fence twice is to fence once",
			[]Command{fence(3), fence(3)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2}, Leader: 1, Version: 1},
		},
		{
			"the last in sync stays so without leading",
			[]Command{fence(3), fence(2), fence(1)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1}, Leader: -1, LeaderEpoch: 1, Version: 3},
		},
		{
			"no other broker is elected in its place",
			[]Command{fence(3), fence(2), fence(1), unfence(2)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1}, Leader: -1, LeaderEpoch: 1, Version: 3},
		},
		{
			"it leads again when it is back",
			[]Command{fence(3), fence(2), fence(1), unfence(1)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1}, Leader: 1, LeaderEpoch: 2, Version: 4},
		},
		{
			"unclean.leader.election.enable lets one lead that is not in sync",
			[]Command{unclean, fence(3), fence(2), fence(1), unfence(2)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{2}, Leader: 2, LeaderEpoch: 2, Version: 4},
		},
		{
			"it counts when it is set for all brokers",
			[]Command{
				AlterConfigs{Type: ResourceBroker, Set: map[string]string{uncleanElectionConfig: "true"}},
				isrOf(1, 0, 0, 1), fence(1),
			},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{2}, Leader: 2, LeaderEpoch: 1, Version: 2},
		},
		{
			"a topic's own config comes first",
			[]Command{
				AlterConfigs{Type: ResourceBroker, Set: map[string]string{uncleanElectionConfig: "true"}},
				AlterConfigs{Type: ResourceTopic, Name: "t", Set: map[string]string{uncleanElectionConfig: "false"}},
				isrOf(1, 0, 0, 1), fence(1),
			},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1}, Leader: -1, LeaderEpoch: 1, Version: 2},
		},
		{
			"a broker that shuts down hands over",
			[]Command{ShutDownBroker{ID: 1, Epoch: 1}},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{2, 3}, Leader: 2, LeaderEpoch: 1, Version: 1},
		},
		{
			"a new incarnation of a broker in a cluster is not in sync",
			[]Command{RegisterBroker{ID: 1, Incarnation: [16]byte{2}, Fenced: true}},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{2, 3}, Leader: 2, LeaderEpoch: 1, Version: 1},
		},
		{
			"a new incarnation without a fence goes on as before",
			[]Command{RegisterBroker{ID: 1, Incarnation: [16]byte{2}}},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}, Leader: 1},
		},
		{
			"a leader shrinks and extends the in-sync replicas",
			[]Command{isrOf(1, 0, 0, 1), isrOf(1, 0, 1, 1, 3)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 3}, Leader: 1, Version: 2},
		},
		{
			"the same in-sync replicas again raise the version, so that what was proposed before is outbid",
			[]Command{isrOf(1, 0, 0, 1, 2, 3)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}, Leader: 1, Version: 1},
		},
		{
			"a new incarnation of the last in sync leads under a new epoch, and only once it is unfenced",
			[]Command{
				isrOf(1, 0, 0, 1),
				RegisterBroker{ID: 1, Incarnation: [16]byte{2}, Fenced: true},
				unfence(2),
				UnfenceBroker{ID: 1, Epoch: 7},
			},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1}, Leader: 1, LeaderEpoch: 2, Version: 3},
		},
		{
			"a leader that resigns is followed by the next in sync",
			[]Command{
				AlterPartition{TopicID: TopicID{1}, BrokerID: 1, BrokerEpoch: 1, ISR: []int32{2, 3}, Resigns: true},
			},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{2, 3}, Leader: 2, LeaderEpoch: 1, Version: 1},
		},
		{
			"a follower that resigns leaves the in-sync replicas",
			[]Command{
				AlterPartition{TopicID: TopicID{1}, BrokerID: 3, BrokerEpoch: 3, ISR: []int32{1, 2}, Resigns: true},
			},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2}, Leader: 1, Version: 1},
		},
		{
			"the preferred leader is elected when that is asked for",
			[]Command{fence(1), unfence(1), isrOf(2, 1, 1, 1, 2, 3), ElectLeader{TopicID: TopicID{1}}},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}, Leader: 1, LeaderEpoch: 2, Version: 3},
		},
		{
			"an unclean election by order takes the first that lives",
			[]Command{fence(3), fence(2), fence(1), unfence(3), ElectLeader{TopicID: TopicID{1}, Unclean: true}},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{3}, Leader: 3, LeaderEpoch: 2, Version: 4},
		},
		{
			"a reassignment waits for its new replicas",
			[]Command{unfence(4), reassign(4, 2)},
			Partition{
				Replicas: []int32{4, 2, 1, 3}, ISR: []int32{1, 2, 3}, Leader: 1, Version: 1,
				Adding: []int32{4}, Removing: []int32{1, 3},
			},
		},
		{
			"and is over when they are in sync; a leader that goes is replaced",
			[]Command{unfence(4), reassign(4, 2), isrOf(1, 0, 1, 1, 2, 3, 4)},
			Partition{Replicas: []int32{4, 2}, ISR: []int32{2, 4}, Leader: 4, LeaderEpoch: 1, Version: 2},
		},
		{
			"a leader that stays gets a new epoch, as a replica went",
			[]Command{unfence(4), reassign(1, 4), isrOf(1, 0, 1, 1, 2, 3, 4)},
			Partition{Replicas: []int32{1, 4}, ISR: []int32{1, 4}, Leader: 1, LeaderEpoch: 1, Version: 2},
		},
		{
			"an order of replicas is changed at once, without another leader",
			[]Command{reassign(3, 1, 2)},
			Partition{Replicas: []int32{3, 1, 2}, ISR: []int32{1, 2, 3}, Leader: 1, Version: 1},
		},
		{
			"to the same replicas is no change",
			[]Command{reassign(1, 2, 3)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}, Leader: 1},
		},
		{
			"fewer replicas are enough at once",
			[]Command{reassign(2)},
			Partition{Replicas: []int32{2}, ISR: []int32{2}, Leader: 2, LeaderEpoch: 1, Version: 1},
		},
		{
			"a cancelled reassignment leaves what was",
			[]Command{unfence(4), reassign(4, 2), AlterReassignment{TopicID: TopicID{1}}},
			Partition{Replicas: []int32{2, 1, 3}, ISR: []int32{1, 2, 3}, Leader: 1, LeaderEpoch: 1, Version: 2},
		},
		{
			"a reassignment that another replaces is forgotten but for what it has brought",
			[]Command{unfence(4), reassign(4, 2), reassign(1, 2, 3)},
			Partition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}, Leader: 1, LeaderEpoch: 1, Version: 2},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic, _ := trio(t, c.commands...).Topic("t")
			if diff := cmp.Diff(c.want, topic.Partitions[0]); diff != "" {
				t.Errorf("partition (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangesOfPartitionsAndBrokersAreRefusedAsInKafka(t *testing.T) {
	alter := func(change func(*AlterPartition)) AlterPartition {
		cmd := isrOf(1, 0, 0, 1, 2)
		change(&cmd)
		return cmd
	}
	for _, c := range []struct {
		name   string
		before []Command
		cmd    Command
		kind   fault.Kind
	}{
		{"an unknown broker", nil, FenceBroker{ID: 9}, fault.StaleBrokerEpoch},
		{"another epoch", nil, FenceBroker{ID: 1, Epoch: 9}, fault.StaleBrokerEpoch},
		{"another epoch to unfence", nil, UnfenceBroker{ID: 1, Epoch: 9}, fault.StaleBrokerEpoch},
		{"another epoch to shut down", nil, ShutDownBroker{ID: 1, Epoch: 9}, fault.StaleBrokerEpoch},
		{"unregister an unknown broker", nil, UnregisterBroker{ID: 9}, fault.BrokerIDNotRegistered},
		{"unregister an active broker", nil, UnregisterBroker{ID: 1}, fault.InvalidRequest},
		{
			"two endpoints of a listener", nil,
			RegisterBroker{ID: 7, Endpoints: []Endpoint{{"A", "h", 1}, {"A", "h", 2}}},
			fault.InvalidRequest,
		},
		{
			"a port out of range", nil,
			RegisterBroker{ID: 7, Endpoints: []Endpoint{{"A", "h", 65536}}},
			fault.InvalidRequest,
		},

		{
			"the leader's old incarnation", nil, alter(func(c *AlterPartition) { c.BrokerEpoch = 0 }),
			fault.StaleBrokerEpoch,
		},
		{"an unknown topic", nil, alter(func(c *AlterPartition) { c.TopicID = TopicID{9} }), fault.UnknownTopicID},
		{
			"an unknown partition", nil, alter(func(c *AlterPartition) { c.Partition = 1 }),
			fault.UnknownTopicOrPartition,
		},
		{"a leader epoch to come", nil, alter(func(c *AlterPartition) { c.LeaderEpoch = 1 }), fault.NotController},
		{"a partition epoch to come", nil, alter(func(c *AlterPartition) { c.Version = 1 }), fault.NotController},
		{"a leader epoch gone by", []Command{fence(1), unfence(1)}, isrOf(1, 0, 0, 1), fault.FencedLeaderEpoch},
		{"a broker that does not lead", nil, isrOf(2, 0, 0, 2), fault.InvalidRequest},
		{"a partition epoch gone by", []Command{isrOf(1, 0, 0, 1)}, isrOf(1, 0, 0, 1, 2), fault.InvalidUpdateVersion},
		{"no replica", nil, isrOf(1, 0, 0, 1, 4), fault.InvalidRequest},
		{"a replica twice", nil, isrOf(1, 0, 0, 1, 2, 2), fault.InvalidRequest},
		{"without the leader", nil, isrOf(1, 0, 0, 2, 3), fault.InvalidRequest},
		{"an empty ISR", nil, isrOf(1, 0, 0), fault.InvalidRequest},
		{
			"a leader that resigns and stays", nil, alter(func(c *AlterPartition) { c.Resigns = true }),
			fault.InvalidRequest,
		},
		{
			"a leader that resigns and leaves an empty ISR", nil,
			alter(func(c *AlterPartition) { c.Resigns, c.ISR = true, nil }), fault.InvalidRequest,
		},
		{
			"a follower that resigns and stays", nil,
			alter(func(c *AlterPartition) { c.BrokerID, c.BrokerEpoch, c.Resigns = 2, 2, true }), fault.InvalidRequest,
		},
		{"a follower that resigns for others, too", nil, AlterPartition{
			TopicID: TopicID{1}, BrokerID: 3, BrokerEpoch: 3, ISR: []int32{1}, Resigns: true,
		}, fault.InvalidRequest},
		{"a follower that resigns and is not in sync", []Command{isrOf(1, 0, 0, 1, 2)}, AlterPartition{
			TopicID: TopicID{1}, BrokerID: 3, BrokerEpoch: 3, Version: 1, ISR: []int32{1, 2}, Resigns: true,
		}, fault.InvalidRequest},
		{"a fenced replica", []Command{fence(3)}, isrOf(1, 0, 1, 1, 2, 3), fault.IneligibleReplica},
		{
			"a replica that shuts down",
			[]Command{ShutDownBroker{ID: 3, Epoch: 3}},
			isrOf(1, 0, 1, 1, 2, 3),
			fault.IneligibleReplica,
		},
		{
			"another incarnation of a replica", nil, alter(func(c *AlterPartition) { c.ISREpochs = []int64{-1, 9} }),
			fault.IneligibleReplica,
		},
		{
			"too few broker epochs", nil, alter(func(c *AlterPartition) { c.ISREpochs = []int64{-1} }),
			fault.InvalidRequest,
		},

		{"the preferred leader leads", nil, ElectLeader{TopicID: TopicID{1}}, fault.ElectionNotNeeded},
		{
			"there is a leader",
			[]Command{fence(1)},
			ElectLeader{TopicID: TopicID{1}, Unclean: true},
			fault.ElectionNotNeeded,
		},
		{
			"the preferred leader is fenced",
			[]Command{fence(1)},
			ElectLeader{TopicID: TopicID{1}},
			fault.PreferredLeaderNotAvailable,
		},
		{
			"no live replica",
			[]Command{fence(1), fence(2), fence(3)},
			ElectLeader{TopicID: TopicID{1}, Unclean: true},
			fault.EligibleLeadersNotAvailable,
		},
		{
			"an unknown partition to elect", nil,
			ElectLeader{TopicID: TopicID{1}, Partition: -1},
			fault.UnknownTopicOrPartition,
		},

		{"nothing to cancel", nil, AlterReassignment{TopicID: TopicID{1}}, fault.NoReassignmentInProgress},
		{
			"to no replicas", nil,
			AlterReassignment{TopicID: TopicID{1}, Replicas: []int32{}},
			fault.InvalidReplicaAssignment,
		},
		{"to unknown replicas", nil, reassign(1, 9), fault.InvalidReplicaAssignment},
		{"to a replica twice", nil, reassign(1, 1), fault.InvalidReplicaAssignment},
		{
			"to another number of replicas", nil,
			AlterReassignment{TopicID: TopicID{1}, Replicas: []int32{1}, KeepFactor: true},
			fault.InvalidReplicationFactor,
		},
		{
			"to another number of replicas while one is under way",
			[]Command{reassign(1, 2, 4)},
			AlterReassignment{TopicID: TopicID{1}, Replicas: []int32{1, 2, 3, 4}, KeepFactor: true},
			fault.InvalidReplicationFactor,
		},
		{"in an unknown topic", nil, AlterReassignment{TopicID: TopicID{9}}, fault.UnknownTopicOrPartition},
		{
			"only new replicas are in sync",
			[]Command{unfence(4), reassign(4, 2), fence(2), fence(3), isrOf(1, 0, 3, 1, 4), fence(1)},
			AlterReassignment{TopicID: TopicID{1}},
			fault.InvalidReplicaAssignment,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := trio(t, c.before...)
			if next, _, err := Apply(img, c.cmd); !errors.Is(err, c.kind) || next != img {
				t.Errorf("Apply(%+v) = %v (%v), want %v", c.cmd, err, fault.KindOf(err), c.kind)
			}
		})
	}
}

func TestACompletedReassignmentTellsTheOldLeaderTheNewOne(t *testing.T) {
	img := trio(t, unfence(4), reassign(4, 2))
	_, res, err := Apply(img, isrOf(1, 0, 1, 1, 2, 3, 4))
	if err != nil || res.Partition == nil || res.Partition.Leader != 4 {
		t.Errorf("result %+v, %v, want leader 4", res.Partition, err)
	}
}

func TestAnActiveBrokerThatHoldsNothingCanBeUnregistered(t *testing.T) {
	img := trio(t, unfence(4))
	if b, ok := img.Broker(4); !ok || b.Fenced {
		t.Fatalf("broker 4 is %+v", b)
	}
	img, _, err := Apply(img, UnregisterBroker{ID: 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, known := img.Broker(4); known {
		t.Error("it is still known")
	}
}

func TestABrokerIsBehindWhereItIsNotInSyncWithALeader(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []Command
		want   int
	}{
		{"in sync", nil, 0},
		{"out of sync", []Command{isrOf(1, 0, 0, 1, 2)}, 1},
		{"without a leader to follow", []Command{isrOf(1, 0, 0, 1), fence(1)}, 0},
		{"about to get a replica", []Command{unfence(4), reassign(1, 2, 4)}, 0},
	} {
		broker := int32(3)
		if c.name == "about to get a replica" {
			broker = 4
		}
		if got := trio(t, c.before...).Behind(broker); got != c.want {
			t.Errorf("%s: behind in %d partitions, want %d", c.name, got, c.want)
		}
	}
}

func TestPartitionsInNeedAreCounted(t *testing.T) {
	for _, c := range []struct {
		name                           string
		before                         []Command
		withoutLeader, underReplicated int
	}{
		{"all in sync", nil, 0, 0},
		{"one out of sync", []Command{isrOf(1, 0, 0, 1, 2)}, 0, 1},
		{"without leader", []Command{isrOf(1, 0, 0, 1), fence(1)}, 1, 1},
		{"about to get a replica", []Command{unfence(4), reassign(1, 2, 4)}, 0, 0},
	} {
		withoutLeader, underReplicated := trio(t, c.before...).InNeed()
		if withoutLeader != c.withoutLeader || underReplicated != c.underReplicated {
			t.Errorf("%s: %d without leader, %d under-replicated, want %d and %d",
				c.name, withoutLeader, underReplicated, c.withoutLeader, c.underReplicated)
		}
	}
}

func TestAnUnregisteredBrokerIsForgottenButInItsPartitions(t *testing.T) {
	img := trio(t, fence(3), UnregisterBroker{ID: 3})
	topic, _ := img.Topic("t")
	if _, ok := img.Broker(3); ok || !slices.Contains(topic.Partitions[0].Replicas, 3) {
		t.Errorf("broker 3 is registered: %t, replicas %v", ok, topic.Partitions[0].Replicas)
	}
}

func TestPlacementPutsReplicasIntoDistinctRacks(t *testing.T) {
	for _, racks := range [][]string{
		{"a", "b", "c"},
		{"a", "a", "b", "b", "c", "c"},
		{"a", "a", "a", "b"},
		{"a", "b", "b", "b", "c"},
	} {
		img := new(Image)
		for id, rack := range racks {
			img, _, _ = Apply(img, RegisterBroker{ID: int32(id), Rack: rack})
		}
		most := len(slices.Compact(slices.Sorted(slices.Values(racks))))
		for rf := 1; rf <= len(racks); rf++ {
			_, res, err := Apply(img,
				CreateTopic{Name: "t", ID: TopicID{1}, Partitions: int32(60), ReplicationFactor: int16(rf)})
			if err != nil {
				t.Fatal(err)
			}
			leads := map[int32]int{}
			for n, p := range res.Topic.Partitions {
				used := map[string]bool{}
				for _, id := range p.Replicas {
					used[racks[id]] = true
				}
				if len(used) != min(rf, most) || !distinct(p.Replicas) {
					t.Errorf("racks %v, replication factor %d: partition %d is on %v, in %d racks", racks, rf, n,
						p.Replicas, len(used))
				}
				leads[p.Leader]++
			}
			for id := range racks {
				if leads[int32(id)] != 60/len(racks) {
					t.Errorf("racks %v, replication factor %d: broker %d leads %d of 60 partitions", racks, rf, id,
						leads[int32(id)])
				}
			}
		}
	}
}

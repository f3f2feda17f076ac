package groups

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator/coordinatortest"
	"github.com/chronik-stream/chronik/core/domain/broker/groups/groupstest"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// elect makes the other broker, or this one again, the leader of partition 7 of __consumer_offsets, in the metadata and
// in the log.
func (g *fixture) elect(leader int32) {
	g.t.Helper()
	topic, _ := g.store.Image().Topic(metadata.OffsetsTopic)
	at := topic.Partitions[7]
	if len(at.Replicas) == 1 {
		g.apply(metadata.RegisterBroker{ID: 2})
		g.apply(metadata.AlterReassignment{TopicID: topic.ID, Partition: 7, Replicas: []int32{1, 2}})
		g.apply(metadata.AlterPartition{
			TopicID: topic.ID, Partition: 7, BrokerID: 1, BrokerEpoch: 1, LeaderEpoch: at.LeaderEpoch, Version: at.Version + 1,
			ISR: []int32{1, 2},
		})
	}
	g.apply(metadata.AlterReassignment{TopicID: topic.ID, Partition: 7, Replicas: []int32{leader, 3 - leader}})
	g.apply(metadata.ElectLeader{TopicID: topic.ID, Partition: 7})
	topic, _ = g.store.Image().Topic(metadata.OffsetsTopic)
	g.log.Set(func() {
		g.log.Epoch, g.log.Deposed = topic.Partitions[7].LeaderEpoch, nil
		if leader != 1 {
			g.log.Deposed = fault.NotLeaderOrFollower
		}
	})
}

func TestACoordinatorWhoseLeaseHasEndedRefusesAndGoesOnWhenItIsRenewed(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		ids, generation := groupstest.Form(t, g, "g", 2)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 5)), fault.None)
		var reads int
		g.log.Set(func() { g.log.Deposed, reads = fault.NotLeaderOrFollower, g.log.Reads })

		beat := classic.HeartbeatRequest{Group: "g", MemberID: ids[0], Generation: generation}
		_, err := g.FetchOffsets(t.Context(), "g", nil, false)
		groupstest.Kind(t, err, fault.NotCoordinator)
		groupstest.Kind(t, g.Heartbeat(t.Context(), beat), fault.NotCoordinator)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 6)), fault.NotCoordinator)
		groupstest.Kind(t, g.Join(t.Context(), groupstest.JoinRequest("g", "", "")).Err, fault.NotCoordinator)
		groupstest.Kind(t, g.Describe(t.Context(), "g").Err, fault.NotCoordinator)

		g.log.Set(func() { g.log.Deposed = nil })
		groupstest.Kind(t, g.Heartbeat(t.Context(), beat), fault.None)
		if got := groupstest.Committed(t, g, "g"); got != 5 {
			t.Errorf("offset %d, want 5", got)
		}
		g.log.Set(func() {
			if g.log.Reads != reads {
				t.Errorf("the log was read %d times for nothing", g.log.Reads-reads)
			}
		})
	})
}

func TestACoordinatorThatLeadsAgainKnowsWhatOthersHaveWritten(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		id := neighbours(1)[0]
		ids, generation := groupstest.Form(t, g, id, 2)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, ids[0], generation, 1)), fault.None)
		g.elect(2)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, ids[0], generation, 9)), fault.NotCoordinator)

		g.log.Set(func() { g.log.Deposed = nil }) // as the other broker sees it
		other := g.another(2)
		ctx, cancel := context.WithCancel(t.Context())
		var working sync.WaitGroup
		working.Go(func() { _ = other.Run(ctx) })
		groupstest.Kind(t, other.Heartbeat(t.Context(), classic.HeartbeatRequest{
			Group:    id,
			MemberID: ids[1], Generation: generation,
		}), fault.None)
		groupstest.Kind(t, other.Commit(t.Context(), groupstest.CommitOf(id, ids[0], generation, 2)), fault.None)
		cancel()
		working.Wait()

		g.elect(1)
		if got := groupstest.Committed(t, g, id); got != 2 {
			t.Errorf("offset %d, want 2, which the other coordinator has written", got)
		}
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, ids[0], generation, 3)), fault.None)
	})
}

func TestWaitingRequestsFailWhenTheCoordinatorIsReplaced(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		id := neighbours(1)[0]
		answer := make(chan classic.JoinResponse, 1)
		go func() { answer <- g.Join(t.Context(), groupstest.JoinRequest(id, "", "")) }()
		synctest.Wait()
		g.elect(2)
		began := time.Now()
		groupstest.Kind(t, (<-answer).Err, fault.NotCoordinator)
		if waited := time.Since(began); waited > 100*time.Millisecond {
			t.Errorf("after %v", waited)
		}
	})
}

func TestNothingIsWrittenInALeaderEpochThatTheGroupsWereNotLoadedIn(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Second), func(t *testing.T, g *fixture) {
		id := neighbours(1)[0]
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 1)), fault.None)
		err := g.write(t.Context(), id, false, func(c *classic.Group) (classic.Write, error) {
			g.log.Set(func() { g.log.Epoch++ }) // between the look at the shard and the append
			return c.Commit(time.Now(), groupstest.CommitOf(id, "", -1, 2), 4096)
		})
		groupstest.Kind(t, err, fault.NotCoordinator)
		if got := groupstest.Committed(t, g, id); got != 1 {
			t.Errorf("offset %d, want 1", got)
		}
	})
}

func TestGroupsOfANewLeaderAreLoadedUnaskedWhenItsLeaseBegins(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		id := neighbours(1)[0]
		groupstest.Form(t, g, id, 1)
		g.elect(2)
		g.elect(1)
		g.log.Set(func() { g.log.Deposed = fault.NotLeaderOrFollower }) // its lease has not begun
		time.Sleep(1500 * time.Millisecond)
		g.log.Set(func() { g.log.Deposed = nil })
		time.Sleep(20 * time.Second) // the member is silent, and there is no request
		records := g.records(id)
		last, ok := records[len(records)-1].(group.MetadataRecord)
		if !ok || len(last.Metadata.Members) != 0 {
			t.Errorf("the last record is %+v, want one without members", records[len(records)-1])
		}
	})
}

func TestAnEpochThatTheImageDoesNotShowYetIsNoticed(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		id := neighbours(1)[0]
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 1)), fault.None)
		g.log.Set(func() { g.log.Epoch++ })
		other := g.another(1)
		ctx, cancel := context.WithCancel(t.Context())
		var working sync.WaitGroup
		working.Go(func() { _ = other.Run(ctx) })
		groupstest.Kind(t, other.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 2)), fault.None)
		cancel()
		working.Wait()
		g.log.Set(func() { g.log.Epoch++ })
		if got := groupstest.Committed(t, g, id); got != 2 {
			t.Errorf("offset %d, want 2", got)
		}
	})
}

func TestAWriteOfTheEpochBeforeIsNotTakenForOneOfThisEpoch(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Second), func(t *testing.T, g *fixture) {
		id := neighbours(1)[0]
		before := make(chan error, 1)
		go func() { before <- g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 1)) }()
		time.Sleep(100 * time.Millisecond)
		g.log.Set(func() { g.log.Epoch++ })
		groupstest.Committed(t, g, id) // loads the shard again
		groupstest.Kind(t, <-before, fault.NotCoordinator)
		began := time.Now()
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 2)), fault.None)
		if took := time.Since(began); took < time.Second {
			t.Errorf("acknowledged after %v, before it was durable", took)
		}
	})
}

package groups

import (
	"context"
	"errors"
	"slices"
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
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestConsumersFormAGroup(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(10*time.Millisecond), func(t *testing.T, g *fixture) {
		began := time.Now()
		ids, generation := groupstest.Form(t, g, "g", 3)
		if took := time.Since(began); generation != 1 || took < 3*time.Second || took > 7*time.Second {
			t.Errorf("generation %d after %v, want 1 after the initial delay", generation, took)
		}
		d := g.Describe(t.Context(), "g")
		if d.State != "Stable" || d.Protocol != "range" || d.ProtocolType != "consumer" || len(d.Members) != 3 ||
			d.Err != nil {
			t.Errorf("Describe() = %+v", d)
		}
		for _, id := range ids {
			groupstest.Kind(t, g.Heartbeat(t.Context(), classic.HeartbeatRequest{Group: "g", MemberID: id, Generation: 1}),
				fault.None)
		}
		members := []classic.LeaveMember{{MemberID: ids[2]}}
		groupstest.Kind(t, g.Leave(t.Context(), "g", members), fault.None)
		groupstest.Kind(t, members[0].Err, fault.None)
		groupstest.Kind(t, g.Heartbeat(t.Context(), classic.HeartbeatRequest{Group: "g", MemberID: ids[0], Generation: 1}),
			fault.RebalanceInProgress)
	})
}

func TestMemberIDsAreClientOrInstanceWithAUUID(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		req := groupstest.JoinRequest("g", "", "")
		req.RequireMemberID = true
		r := g.Join(t.Context(), req)
		groupstest.Kind(t, r.Err, fault.MemberIDRequired)
		if len(r.MemberID) != len("c-")+36 || r.MemberID[:2] != "c-" {
			t.Errorf("member id %q, want c-<uuid>", r.MemberID)
		}
		s := g.Join(t.Context(), groupstest.JoinRequest("h", "", "inst"))
		if s.Err != nil || len(s.MemberID) != len("inst-")+36 || s.MemberID[:5] != "inst-" {
			t.Errorf("static member's join %+v", s)
		}
	})
}

func TestJoinIsChecked(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		req := groupstest.JoinRequest("", "", "")
		groupstest.Kind(t, g.Join(t.Context(), req).Err, fault.InvalidGroupID)
		req.Group, req.SessionTimeout = "g", 5999*time.Millisecond
		groupstest.Kind(t, g.Join(t.Context(), req).Err, fault.InvalidSessionTimeout)
		req.SessionTimeout = 1800001 * time.Millisecond
		groupstest.Kind(t, g.Join(t.Context(), req).Err, fault.InvalidSessionTimeout)
		req = groupstest.JoinRequest("g", "somebody", "")
		if r := g.Join(t.Context(), req); fault.KindOf(r.Err) != fault.UnknownMemberID || r.MemberID != "somebody" ||
			r.Generation != -1 {
			t.Errorf("join of an unknown group's member: %+v", r)
		}
		groupstest.Kind(t, g.Sync(t.Context(), classic.SyncRequest{Group: "g"}).Err, fault.UnknownMemberID)
		groupstest.Kind(t, g.Heartbeat(t.Context(), classic.HeartbeatRequest{Group: "g"}), fault.UnknownMemberID)
		members := []classic.LeaveMember{{MemberID: "m"}}
		groupstest.Kind(t, g.Leave(t.Context(), "g", members), fault.None)
		groupstest.Kind(t, members[0].Err, fault.UnknownMemberID)
		if got, err := g.List(t.Context(), nil, nil); err != nil || len(got) != 0 {
			t.Errorf("List() = %+v, %v: refused requests leave groups behind", got, err)
		}
	})
}

func TestGroupsOfAnotherBrokerAreNotCoordinatedHere(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		id, err := g.Find(t.Context(), "g")
		if err != nil || id != 1 {
			t.Errorf("Find() = %d, %v", id, err)
		}
		g.stop()
		other := g.another(2)
		groupstest.Kind(t, other.Join(t.Context(), groupstest.JoinRequest("g", "", "")).Err, fault.NotCoordinator)
		groupstest.Kind(t, other.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1)), fault.NotCoordinator)
		groupstest.Kind(t, other.Describe(t.Context(), "g").Err, fault.NotCoordinator)
	})
}

func TestMembersThatDieAreRemovedByTheAlarm(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		for _, id := range []string{"a", "b", "c"} {
			groupstest.Form(t, g, id, 2)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		got, err := g.List(t.Context(), []string{"EMPTY"}, []string{"Classic"})
		if err != nil || len(got) != 3 || got[0].Group != "a" || got[0].State != "Empty" || got[0].Type != "classic" ||
			got[0].ProtocolType != "consumer" {
			t.Errorf("List() = %+v, %v, want three empty groups", got, err)
		}
		if got, _ := g.List(t.Context(), []string{"Stable"}, nil); len(got) != 0 {
			t.Errorf("List(Stable) = %+v", got)
		}
		if got, _ := g.List(t.Context(), nil, []string{"share"}); len(got) != 0 {
			t.Errorf("List(share) = %+v", got)
		}
	})
}

func TestHeartbeatsKeepMembersAlive(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		ids, generation := groupstest.Form(t, g, "g", 1)
		for range 20 {
			time.Sleep(9 * time.Second)
			groupstest.Kind(t, g.Heartbeat(t.Context(), classic.HeartbeatRequest{
				Group:    "g",
				MemberID: ids[0], Generation: generation,
			}), fault.None)
		}
	})
}

func TestStopAnswersAllWaitingRequests(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Hour), func(t *testing.T, g *fixture) {
		var wg sync.WaitGroup
		errs := make(chan error, 2)
		wg.Go(func() { errs <- g.Join(t.Context(), groupstest.JoinRequest("g", "", "")).Err })
		wg.Go(func() { errs <- g.Commit(t.Context(), groupstest.CommitOf("other", "", -1, 1)) })
		synctest.Wait()
		g.stop()
		wg.Wait()
		for range 2 {
			if k := fault.KindOf(<-errs); k != fault.NotCoordinator && k != fault.CoordinatorNotAvailable {
				t.Errorf("answer %v, want one that makes the client look for its coordinator", k)
			}
		}
		groupstest.Kind(t, g.Join(t.Context(), groupstest.JoinRequest("g", "", "")).Err, fault.CoordinatorNotAvailable)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1)), fault.CoordinatorNotAvailable)
		groupstest.Kind(t, g.Heartbeat(t.Context(), classic.HeartbeatRequest{Group: "g", MemberID: "m"}),
			fault.CoordinatorNotAvailable)
	})
}

func TestJoinEndsWithItsContext(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		groupstest.Kind(t, g.Join(ctx, groupstest.JoinRequest("g", "", "")).Err, fault.NotCoordinator)
	})
}

func TestRestartedCoordinatorGoesOn(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Millisecond), func(t *testing.T, g *fixture) {
		ids, generation := groupstest.Form(t, g, "g", 2)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 42)), fault.None)
		before := g.Describe(t.Context(), "g")
		g = g.restart()
		defer g.stop()
		if d := g.Describe(t.Context(), "g"); d.State != "Stable" || len(d.Members) != len(before.Members) ||
			string(d.Members[1].Assignment) != string(before.Members[1].Assignment) {
			t.Errorf("Describe() = %+v, before the restart %+v", d, before)
		}
		if got := groupstest.Committed(t, g, "g"); got != 42 {
			t.Errorf("committed offset %d, want 42", got)
		}
		groupstest.Kind(t, g.Heartbeat(t.Context(), classic.HeartbeatRequest{
			Group:    "g",
			MemberID: ids[0], Generation: generation,
		}), fault.None)
	})
}

func TestMembersThatDieWithTheCoordinatorAreRemovedUnasked(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Millisecond), func(t *testing.T, g *fixture) {
		_, generation := groupstest.Form(t, g, "g", 2)
		g = g.restart()
		defer g.stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		records := g.records("g")
		if last, ok := records[len(records)-1].(group.MetadataRecord); !ok || len(last.Metadata.Members) != 0 ||
			last.Metadata.Generation != generation+1 {
			t.Errorf("last record %+v, want an empty generation", records[len(records)-1])
		}
	})
}

// Anomaly 17: coordinator loading for ever.
func TestLoadingThatTakesLongOrFailsAsksForARetry(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Millisecond), func(t *testing.T, g *fixture) {
		ids, generation := groupstest.Form(t, g, "g", 1)
		g.log.Set(func() { g.log.ReadDelay = 2500 * time.Millisecond })
		g = g.restart()
		defer g.stop()
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 1)),
			fault.CoordinatorLoadInProgress)
		groupstest.Kind(t, g.Heartbeat(t.Context(), classic.HeartbeatRequest{
			Group:    "g",
			MemberID: ids[0], Generation: generation,
		}), fault.None)
		groupstest.Kind(t, g.Describe(t.Context(), "g").Err, fault.None) // by now it has been read
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 1)), fault.None)

		g.log.Set(func() { g.log.ReadDelay, g.log.Unread = 0, fault.KafkaStorageError })
		g = g.restart()
		defer g.stop()
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 2)),
			fault.CoordinatorNotAvailable)
		g.log.Set(func() { g.log.Unread = nil })
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 2)), fault.None)
	})
}

func TestDescribeListAndDelete(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(10*time.Millisecond), func(t *testing.T, g *fixture) {
		if d := g.Describe(t.Context(), "nobody"); d.State != "Dead" || fault.KindOf(d.Err) != fault.GroupIDNotFound ||
			d.Err.Error() != "Group nobody not found." {
			t.Errorf("Describe() of an unknown group = %+v", d)
		}
		groupstest.Kind(t, g.Delete(t.Context(), "nobody"), fault.GroupIDNotFound)
		groupstest.Kind(t, g.Delete(t.Context(), ""), fault.GroupIDNotFound)
		ids, generation := groupstest.Form(t, g, "g", 1)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 1, 2)), fault.None)
		groupstest.Kind(t, g.Delete(t.Context(), "g"), fault.NonEmptyGroup)
		groupstest.Kind(t, g.Leave(t.Context(), "g", []classic.LeaveMember{{MemberID: ids[0]}}), fault.None)
		groupstest.Kind(t, g.Delete(t.Context(), "g"), fault.None)
		groupstest.Kind(t, g.Delete(t.Context(), "g"), fault.GroupIDNotFound)
		if got, _ := g.List(t.Context(), nil, nil); len(got) != 0 {
			t.Errorf("List() = %+v", got)
		}
		if got := groupstest.Committed(t, g, "g"); got != -1 {
			t.Errorf("committed offset %d of a deleted group", got)
		}
		g = g.restart()
		defer g.stop()
		if got, _ := g.List(t.Context(), nil, nil); len(got) != 0 {
			t.Errorf("List() after a restart = %+v", got)
		}
	})
}

func TestAGroupIsCreatedAgainWhileItsDeletionIsBeingWritten(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Second), func(t *testing.T, g *fixture) {
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1, 2, 3)), fault.None)
		var wg sync.WaitGroup
		wg.Go(func() { groupstest.Kind(t, g.Delete(t.Context(), "g"), fault.None) })
		synctest.Wait()
		groupstest.Kind(t, g.Delete(t.Context(), "g"), fault.GroupIDNotFound)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 9)), fault.None)
		wg.Wait()
		for range 2 { // live, and after a restart
			all, err := g.FetchOffsets(t.Context(), "g", nil, false)
			if err != nil || len(all) != 1 || all[0].Offset.Offset != 9 {
				t.Errorf("offsets %+v, %v, want only the new one", all, err)
			}
			g = g.restart()
			defer g.stop()
		}
	})
}

func TestOnlyFindCoordinatorCreatesTheOffsetsTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFixture(t, coordinatortest.NewLog(0))
		defer g.stop()
		g.store.Show(new(metadata.Image))
		if got, err := g.List(t.Context(), nil, nil); got != nil || err != nil {
			t.Errorf("List() without the topic = %+v, %v", got, err)
		}
		refused := fault.None
		g.topics.Topics = madeTopics{g.store, &refused}
		_, fetched := g.FetchOffsets(t.Context(), "g", nil, false)
		_, deleted := g.DeleteOffsets(t.Context(), "g", nil)
		for request, err := range map[string]error{
			"join":           g.Join(t.Context(), groupstest.JoinRequest("g", "", "")).Err,
			"sync":           g.Sync(t.Context(), classic.SyncRequest{Group: "g"}).Err,
			"heartbeat":      g.Heartbeat(t.Context(), classic.HeartbeatRequest{Group: "g"}),
			"leave":          g.Leave(t.Context(), "g", nil),
			"commit":         g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1)),
			"fetch offsets":  fetched,
			"delete offsets": deleted,
			"describe":       g.Describe(t.Context(), "g").Err,
			"delete":         g.Delete(t.Context(), "g"),
		} {
			if !errors.Is(err, fault.NotCoordinator) {
				t.Errorf("%s without the topic: %v, want that this is not the coordinator", request, err)
			}
		}
		if _, ok := g.store.Image().Topic(metadata.OffsetsTopic); ok {
			t.Error("a request to a group has made the topic")
		}
		if id, err := g.Find(t.Context(), "g"); id != 1 || err != nil {
			t.Errorf("Find() = %d, %v", id, err)
		}
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1)), fault.None)
	})
}

func TestFindCoordinatorIsRetriableWhileTheOffsetsTopicCannotBeCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFixture(t, coordinatortest.NewLog(0))
		defer g.stop()
		g.store.Show(new(metadata.Image))
		refused := fault.InvalidReplicationFactor
		g.topics.Topics = madeTopics{g.store, &refused}
		for _, refused = range []fault.Kind{
			fault.InvalidReplicationFactor, fault.PolicyViolation, fault.NotController,
			fault.RequestTimedOut,
		} {
			_, err := g.Find(t.Context(), "g")
			groupstest.Kind(t, err, fault.CoordinatorNotAvailable)
		}
		refused = fault.None
		if id, err := g.Find(t.Context(), "g"); id != 1 || err != nil {
			t.Errorf("Find() = %d, %v", id, err)
		}
	})
}

// madeTopics creates the offsets topic unless refuse says otherwise.
type madeTopics struct {
	store  *porttest.Store
	refuse *fault.Kind
}

func (m madeTopics) EnsureInternal(ctx context.Context, name string) (*metadata.Topic, error) {
	if *m.refuse != fault.None {
		return nil, *m.refuse
	}
	for _, cmd := range []metadata.Command{
		metadata.RegisterBroker{ID: 1},
		metadata.CreateTopic{Name: name, ID: metadata.TopicID{9}, Partitions: 50, ReplicationFactor: 1},
	} {
		if _, err := m.store.Apply(ctx, cmd); err != nil {
			return nil, err
		}
	}
	t, _ := m.store.Image().Topic(name)
	return t, nil
}

func TestALogLineAboutAGroupHasOnlyTheAttributesThatApply(t *testing.T) {
	for _, c := range []struct {
		event classic.Event
		want  []any
	}{
		{classic.Event{Text: "group rebalance started"}, []any{"group", "g"}},
		{classic.Event{Text: "group empty", Generation: 1}, []any{"group", "g", "generation", int32(1)}},
		{
			classic.Event{Text: "member left", Member: "m", Generation: 2, Reason: "the consumer is closed"},
			[]any{"group", "g", "member", "m", "generation", int32(2), "reason", "the consumer is closed"},
		},
	} {
		if got := attributes("g", c.event); !slices.Equal(got, c.want) {
			t.Errorf("%s: told are %v, want %v", c.event.Text, got, c.want)
		}
	}
}

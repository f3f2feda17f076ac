package groups

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/broker/coordinator/coordinatortest"
	"github.com/chronik-stream/chronik/core/domain/broker/groups/groupstest"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestCommitIsAnsweredAndVisibleWhenDurable(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Second), func(t *testing.T, g *fixture) {
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 7)), fault.None)
			if took := time.Since(began); took != time.Second {
				t.Errorf("answered after %v, want the second that durability takes", took)
			}
		})
		synctest.Wait()
		if got := groupstest.Committed(t, g, "g"); got != -1 {
			t.Errorf("offset %d is visible before it is durable", got)
		}
		stable, err := g.FetchOffsets(t.Context(), "g", []group.TopicPartition{
			{Topic: "orders"},
			{Topic: "orders", Partition: 1},
		}, true)
		if err != nil || stable[0].Offset.Offset != 7 || stable[1].Offset.Offset != -1 || time.Since(began) != time.Second {
			t.Errorf("require stable: %+v, %v after %v, want 7 after a second", stable, err, time.Since(began))
		}
		wg.Wait()
	})
}

func TestCommitsOfNeighboursDoNotWaitForEachOther(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Second), func(t *testing.T, g *fixture) {
		began := time.Now()
		var wg sync.WaitGroup
		for i, id := range neighbours(20) {
			wg.Go(func() {
				groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, int64(i))), fault.None)
			})
		}
		wg.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("20 commits took %v, want one second in all", took)
		}
		for i, id := range neighbours(20) {
			if got := groupstest.Committed(t, g, id); got != int64(i) {
				t.Errorf("offset of %s = %d, want %d", id, got, i)
			}
		}
	})
}

func TestCommitsOfOneGroupTakeEffectInTheOrderOfTheLog(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Second), func(t *testing.T, g *fixture) {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, int64(i))), fault.None)
			})
		}
		wg.Wait()
		records := g.records("g")
		if want := records[len(records)-1].(group.OffsetRecord).Offset.Offset; len(records) != 50 ||
			groupstest.Committed(t, g, "g") != want {
			t.Errorf("committed %d after %d records, the log ends with %d", groupstest.Committed(t, g, "g"), len(records), want)
		}
	})
}

func TestCommitChecks(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "m", 3, 1)), fault.GroupIDNotFound)
		req := groupstest.CommitOf("g", "", -1, 1, 2)
		req.Offsets[0].Metadata = fmt.Sprintf("%5000d", 1)
		groupstest.Kind(t, g.Commit(t.Context(), req), fault.None)
		groupstest.Kind(t, req.Offsets[0].Err, fault.OffsetMetadataTooLarge)
		groupstest.Kind(t, req.Offsets[1].Err, fault.None)
		none := groupstest.CommitOf("h", "", -1, 1)
		none.Offsets[0].Metadata = req.Offsets[0].Metadata
		groupstest.Kind(t, g.Commit(t.Context(), none), fault.None)
		if d := g.Describe(t.Context(), "h"); d.State != "Dead" {
			t.Errorf("a group without anything exists: %+v", d)
		}
	})
}

func TestRefusedAppendLeavesEverythingAsItWas(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1)), fault.None)
		for refusal, want := range map[fault.Kind]fault.Kind{
			fault.NotEnoughReplicas: fault.CoordinatorNotAvailable, fault.KafkaStorageError: fault.NotCoordinator,
			fault.RecordListTooLarge: fault.Unknown,
		} {
			g.log.Set(func() { g.log.Refuse = refusal })
			groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 2)), want)
			groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("new", "", -1, 2)), want)
			groupstest.Kind(t, g.Delete(t.Context(), "g"), want)
		}
		if got := groupstest.Committed(t, g, "g"); got != 1 {
			t.Errorf("committed %d, want 1", got)
		}
		if got, _ := g.List(t.Context(), nil, nil); len(got) != 1 {
			t.Errorf("List() = %+v, want g only", got)
		}
		req := groupstest.JoinRequest("joins", "", "")
		req.RequireMemberID = true
		groupstest.Kind(t, g.Join(t.Context(), req).Err, fault.MemberIDRequired)
		g.log.Set(func() { g.log.Refuse = fault.NotEnoughReplicas })
		groupstest.Kind(t, g.Join(t.Context(), groupstest.JoinRequest("waits", "", "")).Err, fault.CoordinatorNotAvailable)
		if d := g.Describe(t.Context(), "waits"); d.State != "Dead" {
			t.Errorf("a group whose creation was refused: %+v", d)
		}
		g.log.Set(func() { g.log.Refuse = nil })
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 2)), fault.None)
	})
}

// Anomaly 16: committed offset lost, resurrected or going back.
func TestLostAppendMakesTheShardReadItsLogAgain(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Second), func(t *testing.T, g *fixture) {
		ids := neighbours(3)
		for _, id := range ids {
			groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 1)), fault.None)
		}
		var wg sync.WaitGroup
		g.log.Set(func() { g.log.Lose = fault.KafkaStorageError })
		for _, id := range ids[:2] {
			wg.Go(func() {
				groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 2)), fault.NotCoordinator)
			})
		}
		wg.Go(func() {
			groupstest.Kind(t, g.Join(t.Context(), groupstest.JoinRequest(ids[2], "", "")).Err, fault.NotCoordinator)
		})
		wg.Wait()
		g.log.Set(func() { g.log.Lose = nil })
		for _, id := range ids {
			if got := groupstest.Committed(t, g, id); got != 1 {
				t.Errorf("offset of %s = %d, want 1, which is what the log has", id, got)
			}
			groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 3)), fault.None)
		}
	})
}

func TestCommitThatTakesTooLongIsAnsweredAndTakesEffectLater(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(8*time.Second), func(t *testing.T, g *fixture) {
		began := time.Now()
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1)), fault.CoordinatorNotAvailable)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("answered after %v, want offsets.commit.timeout.ms", took)
		}
		time.Sleep(4 * time.Second)
		if got := groupstest.Committed(t, g, "g"); got != 1 {
			t.Errorf("committed %d, want 1", got)
		}
	})
}

func TestExpiredOffsetsAreSweptAway(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Millisecond), func(t *testing.T, g *fixture) {
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1, 2)), fault.None)
		time.Sleep(7*24*time.Hour - time.Minute)
		if got := groupstest.Committed(t, g, "g"); got != 1 {
			t.Errorf("committed %d before the retention has passed, want 1", got)
		}
		time.Sleep(12 * time.Minute)
		synctest.Wait()
		if d := g.Describe(t.Context(), "g"); d.State != "Dead" || groupstest.Committed(t, g, "g") != -1 {
			t.Errorf("after the retention: %+v, offset %d", d, groupstest.Committed(t, g, "g"))
		}
		if records := g.records("g"); len(records) != 5 {
			t.Errorf("%d records, want two offsets and three tombstones", len(records))
		}
	})
}

func TestOffsetsOfADeletedTopicAreRemoved(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Millisecond), func(t *testing.T, g *fixture) {
		for _, id := range []string{"a", "b"} {
			groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 1)), fault.None)
		}
		g.apply(metadata.DeleteTopic{ID: metadata.TopicID{1}})
		time.Sleep(3 * time.Second)
		for _, id := range []string{"a", "b"} {
			if got := groupstest.Committed(t, g, id); got != -1 || len(g.records(id)) != 2 {
				t.Errorf("offset of %s = %d, records %+v", id, got, g.records(id))
			}
		}
	})
}

func TestOffsetsOfATopicThatWasDeletedUnseenAreRemoved(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Millisecond), func(t *testing.T, g *fixture) {
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1)), fault.None)
		g.stop()
		g.apply(metadata.DeleteTopic{ID: metadata.TopicID{1}})
		g = g.restart()
		defer g.stop()
		time.Sleep(time.Second)
		if got := groupstest.Committed(t, g, "g"); got != -1 {
			t.Errorf("offset %d", got)
		}
	})
}

func TestOffsetsOfATopicThatWasDeletedBeforeAFailOverAreRemoved(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		id := neighbours(1)[0]
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 5)), fault.None)
		g.elect(2)
		time.Sleep(2 * topicPause)
		g.apply(metadata.DeleteTopic{ID: metadata.TopicID{1}}) // broker 2 ends before it has removed the offsets
		time.Sleep(2 * topicPause)
		g.elect(1)
		time.Sleep(2 * topicPause)
		if got := groupstest.Committed(t, g, id); got != -1 {
			t.Errorf("offset %d is committed", got)
		}
	})
}

func TestOffsetsOfADeletedTopicAreRemovedThoughTheirGroupsTakeLongToLoad(t *testing.T) {
	log := coordinatortest.NewLog(time.Millisecond)
	runGroups(t, log, func(t *testing.T, g *fixture) {
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1)), fault.None)
		g.stop()
		g.apply(metadata.DeleteTopic{ID: metadata.TopicID{1}})
		log.Set(func() { log.ReadDelay = 5 * time.Second })
		g = g.restart()
		defer g.stop()
		time.Sleep(10 * time.Second)
		if got := groupstest.Committed(t, g, "g"); got != -1 {
			t.Errorf("offset %d", got)
		}
	})
}

func TestOffsetsAreRemovedBesideADamagedPartition(t *testing.T) {
	log := coordinatortest.NewLog(time.Millisecond)
	runGroups(t, log, func(t *testing.T, g *fixture) {
		ids := []string{"a", "b", "c"} // which live in partitions of their own
		for _, id := range ids {
			groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf(id, "", -1, 1)), fault.None)
		}
		g.stop()
		g.apply(metadata.DeleteTopic{ID: metadata.TopicID{1}})
		log.Set(func() { log.Damaged = map[int32]error{coordinator.PartitionFor("b", 50): fault.CorruptMessage} })
		g = g.restart()
		defer g.stop()
		time.Sleep(10 * time.Second)
		for _, id := range []string{"a", "c"} {
			if got := groupstest.Committed(t, g, id); got != -1 {
				t.Errorf("offset of %s: %d", id, got)
			}
		}
		log.Set(func() { log.Damaged = nil })
		time.Sleep(10 * time.Second)
		if got := groupstest.Committed(t, g, "b"); got != -1 {
			t.Errorf("offset of b: %d", got)
		}
	})
}

func TestATopicThatIsCreatedAgainHasNoCommittedOffset(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Millisecond), func(t *testing.T, g *fixture) {
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1)), fault.None)
		time.Sleep(100 * time.Millisecond) // the coordinator has searched for deleted topics, and pauses
		orders, _ := g.store.Image().Topic("orders")
		g.apply(metadata.DeleteTopic{ID: orders.ID})
		g.apply(metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{2}, Partitions: 1, ReplicationFactor: 1})
		if got := groupstest.Committed(t, g, "g"); got != -1 {
			t.Errorf("offset %d of the topic's former self", got)
		}
		if all, _ := g.FetchOffsets(t.Context(), "g", nil, false); len(all) != 0 {
			t.Errorf("all offsets %+v", all)
		}
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 5)), fault.None)
		if got := groupstest.Committed(t, g, "g"); got != 5 {
			t.Errorf("offset %d, want 5", got)
		}
	})
}

func TestDeleteOffsetsOfTheService(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Millisecond), func(t *testing.T, g *fixture) {
		tps := []group.TopicPartition{{Topic: "orders"}, {Topic: "other"}}
		_, err := g.DeleteOffsets(t.Context(), "g", tps)
		groupstest.Kind(t, err, fault.GroupIDNotFound)
		ids, generation := groupstest.Form(t, g, "g", 1)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 1)), fault.None)
		errs, err := g.DeleteOffsets(t.Context(), "g", tps)
		groupstest.Kind(t, err, fault.None)
		groupstest.Kind(t, errs[0], fault.GroupSubscribedToTopic)
		groupstest.Kind(t, errs[1], fault.None)
		groupstest.Kind(t, g.Leave(t.Context(), "g", []classic.LeaveMember{{MemberID: ids[0]}}), fault.None)
		errs, err = g.DeleteOffsets(t.Context(), "g", tps)
		groupstest.Kind(t, err, fault.None)
		groupstest.Kind(t, errs[0], fault.None)
		if got := groupstest.Committed(t, g, "g"); got != -1 {
			t.Errorf("offset %d after its deletion", got)
		}
	})
}

func TestManyOffsetsAreWrittenInSeveralBatches(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(time.Millisecond), func(t *testing.T, g *fixture) {
		offsets := make([]int64, 20_000)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, offsets...)), fault.None)
		if g.log.Starts < 2 {
			t.Errorf("%d batches", g.log.Starts)
		}
		groupstest.Kind(t, g.Delete(t.Context(), "g"), fault.None)
		if records := g.records("g"); len(records) != 40_001 {
			t.Errorf("%d records, want 40001", len(records))
		}
	})
}

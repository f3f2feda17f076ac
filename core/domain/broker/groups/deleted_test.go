package groups

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator/coordinatortest"
	"github.com/chronik-stream/chronik/core/domain/broker/groups/groupstest"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// recreateOffsetsTopic deletes __consumer_offsets with all its records, and creates it again as another topic.
func (g *fixture) recreateOffsetsTopic(partitions int32) {
	g.t.Helper()
	g.deleteOffsetsTopic()
	g.apply(metadata.CreateTopic{
		Name: metadata.OffsetsTopic, ID: metadata.TopicID{10}, Partitions: partitions,
		ReplicationFactor: 1,
	})
}

func (g *fixture) deleteOffsetsTopic() {
	g.t.Helper()
	topic, _ := g.store.Image().Topic(metadata.OffsetsTopic)
	g.apply(metadata.DeleteTopic{ID: topic.ID})
	g.log.Delete(topic.ID)
}

func TestOffsetsAreGoneWhenTheOffsetsTopicIsDeletedAndCreatedAgain(t *testing.T) {
	for _, epoch := range []int32{0, 5} { // of the deleted one; that of the new one is 0
		runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
			g.log.Set(func() { g.log.Epoch = epoch })
			ids, generation := groupstest.Form(t, g, "g", 1)
			groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 5)), fault.None)
			g.recreateOffsetsTopic(50)
			if got := groupstest.Committed(t, g, "g"); got != -1 {
				t.Errorf("epoch %d: offset %d is still committed", epoch, got)
			}
			groupstest.Kind(t, g.Heartbeat(t.Context(), classic.HeartbeatRequest{
				Group:    "g",
				MemberID: ids[0], Generation: generation,
			}), fault.UnknownMemberID)
			groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 7)), fault.None)
			again := g.restart()
			defer again.stop()
			if got := groupstest.Committed(t, again, "g"); got != 7 {
				t.Errorf("epoch %d: after a restart offset %d is committed, want 7", epoch, got)
			}
		})
	}
}

func TestWaitingRequestsFailWhenTheOffsetsTopicIsDeleted(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		answer := make(chan classic.JoinResponse, 1)
		go func() { answer <- g.Join(t.Context(), groupstest.JoinRequest("g", "", "")) }()
		synctest.Wait()
		g.deleteOffsetsTopic()
		began := time.Now()
		groupstest.Kind(t, (<-answer).Err, fault.NotCoordinator)
		if waited := time.Since(began); waited > 100*time.Millisecond {
			t.Errorf("after %v", waited)
		}
	})
}

// TestAnOffsetsTopicThatIsCreatedAgainMayHaveFewerPartitions: meanwhile the groups of a partition that does not exist
// any more are being loaded.
func TestAnOffsetsTopicThatIsCreatedAgainMayHaveFewerPartitions(t *testing.T) {
	log := coordinatortest.NewLog(0)
	log.Unread = fault.KafkaStorageError
	runGroups(t, log, func(t *testing.T, g *fixture) {
		synctest.Wait()
		g.recreateOffsetsTopic(3)
		time.Sleep(2 * time.Second)
		g.log.Set(func() { g.log.Unread = nil })
		time.Sleep(2 * time.Second)
		if got := groupstest.Committed(t, g, "g"); got != -1 {
			t.Errorf("offset %d is committed", got)
		}
	})
}

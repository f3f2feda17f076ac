package broker

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// coordinators runs a coordinator on each of a ring's brokers, over a __consumer_offsets of one partition, until the test ends it.
func (r *ring) coordinators() (groups map[int32]*groupsFixture, stop func()) {
	r.t.Helper()
	id := metadata.TopicID{99}
	r.apply(metadata.CreateTopic{
		Name: metadata.OffsetsTopic, ID: id, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{{1, 2, 3}},
	})
	ctx, cancel := context.WithCancel(r.t.Context())
	var working sync.WaitGroup
	groups = map[int32]*groupsFixture{}
	for _, b := range r.brokers {
		random := &lockedReader{r: rand.NewChaCha8([32]byte{byte(b.id)})}
		g := &groupsFixture{t: r.t}
		g.Groups = NewGroups(b.partitions, existingTopics{&r.store.memStore}, b.configs, b, b.id, 1<<30, time.Now, random, slog.New(slog.DiscardHandler))
		groups[b.id] = g
		working.Go(func() { _ = g.Run(ctx) })
	}
	return groups, func() {
		cancel()
		working.Wait()
	}
}

// retried does something until it succeeds, as clients do, and says what was refused meanwhile.
func retried(t *testing.T, do func() error) (refused []fault.Kind) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := do()
		if err == nil {
			return refused
		}
		if refused = append(refused, fault.KindOf(err)); time.Since(began) > 20*time.Second {
			t.Fatalf("refused for 20 s: %v", err)
		}
	}
}

func TestAGroupGoesOnWithTheNextCoordinator(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		groups, stop := r.coordinators()
		defer stop()
		var ids []string
		var generation int32
		retried(t, func() error { return groups[1].Commit(t.Context(), commitOf("g", "", -1, 3)) })
		ids, generation = groups[1].form("g", 2)
		groups[1].kind(groups[1].Commit(t.Context(), commitOf("g", ids[0], generation, 7)), fault.None)

		r.isolate(1)
		beat := group.HeartbeatRequest{Group: "g", MemberID: ids[1], Generation: generation}
		time.Sleep(ringSession)
		groups[1].kind(groups[1].Heartbeat(t.Context(), beat), fault.NotCoordinator) // before anybody takes over
		_, err := groups[1].FetchOffsets(t.Context(), "g", nil, false)
		groups[1].kind(err, fault.NotCoordinator)

		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		began := time.Now()
		retried(t, func() error { return groups[2].Heartbeat(t.Context(), beat) })
		if took := time.Since(began); took > time.Second {
			t.Errorf("the next coordinator took %v", took)
		}
		if got := groups[2].committed("g"); got != 7 {
			t.Errorf("offset %d, want 7", got)
		}
		s := groups[2].Sync(t.Context(), group.SyncRequest{Group: "g", MemberID: ids[1], Generation: generation})
		if s.Err != nil || !bytes.Equal(s.Assignment, []byte{1}) {
			t.Errorf("the member's assignment: %+v", s)
		}
		groups[2].kind(groups[2].Commit(t.Context(), commitOf("g", ids[0], generation, 8)), fault.None)

		r.heal(1)
		r.apply(metadata.UnfenceBroker{ID: 1, Epoch: 1})
		groups[1].kind(groups[1].Heartbeat(t.Context(), beat), fault.NotCoordinator)
		for topic, _ := r.store.Image().Topic(metadata.OffsetsTopic); r.at(metadata.OffsetsTopic).Leader != 1; time.Sleep(10 * time.Millisecond) {
			_, _ = r.store.Apply(t.Context(), metadata.ElectLeader{TopicID: topic.ID}) // when it is in sync again
		}
		retried(t, func() error { return groups[1].Heartbeat(t.Context(), beat) })
		if got := groups[1].committed("g"); got != 8 {
			t.Errorf("offset %d, want 8, which another coordinator has taken", got)
		}
		groups[2].kind(groups[2].Commit(t.Context(), commitOf("g", ids[0], generation, 9)), fault.NotCoordinator)
	})
}

func TestACommitThatNobodyElseHasIsNotAcknowledged(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		groups, stop := r.coordinators()
		defer stop()
		retried(t, func() error { return groups[1].Commit(t.Context(), commitOf("g", "", -1, 3)) })
		r.isolate(1)
		answer := make(chan error, 1)
		go func() { answer <- groups[1].Commit(t.Context(), commitOf("g", "", -1, 4)) }()
		time.Sleep(ringSession)
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		retried(t, func() error { return groups[2].Commit(t.Context(), commitOf("h", "", -1, 1)) })
		r.heal(1)
		if err := <-answer; err == nil {
			t.Error("a commit is acknowledged that is lost")
		}
		if got := groups[2].committed("g"); got != 3 {
			t.Errorf("offset %d, want 3", got)
		}
	})
}

package replicas

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/broker/groups"
	"github.com/chronik-stream/chronik/core/domain/broker/groups/groupstest"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// coordinators runs a coordinator on each of a ring's brokers, over a __consumer_offsets of one partition, until stop
// is called.
func (r *ring) coordinators() (on map[int32]*groups.Coordinator, stop func()) {
	r.t.Helper()
	id := metadata.TopicID{99}
	r.apply(metadata.CreateTopic{
		Name: metadata.OffsetsTopic, ID: id, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{{1, 2, 3}},
	})
	ctx, cancel := context.WithCancel(r.t.Context())
	var working sync.WaitGroup
	on = map[int32]*groups.Coordinator{}
	for _, b := range r.brokers {
		g := groups.New(groups.Dependencies{
			Log: b.partitions, Topics: groupstest.ExistingTopics{Store: r.store}, Metadata: b, Configs: b.configs, NodeID: b.id,
			Memory: coordinator.NewMemory(1 << 30), Clock: time.Now, Random: groupstest.Random(byte(b.id)),
			Logger: slog.New(slog.DiscardHandler),
		})
		on[b.id] = g
		working.Go(func() { _ = g.Run(ctx) })
	}
	return on, func() {
		cancel()
		working.Wait()
	}
}

// retried calls do until it succeeds, as clients do, and returns the kinds of the errors before.
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
		on, stop := r.coordinators()
		defer stop()
		var ids []string
		var generation int32
		retried(t, func() error { return on[1].Commit(t.Context(), groupstest.CommitOf("g", "", -1, 3)) })
		ids, generation = groupstest.Form(t, on[1], "g", 2)
		groupstest.Kind(t, on[1].Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 7)), fault.None)

		r.isolate(1)
		beat := classic.HeartbeatRequest{Group: "g", MemberID: ids[1], Generation: generation}
		time.Sleep(ringSession)
		groupstest.Kind(t, on[1].Heartbeat(t.Context(), beat), fault.NotCoordinator) // before another coordinator takes over
		_, err := on[1].FetchOffsets(t.Context(), "g", nil, false)
		groupstest.Kind(t, err, fault.NotCoordinator)

		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		began := time.Now()
		retried(t, func() error { return on[2].Heartbeat(t.Context(), beat) })
		if took := time.Since(began); took > time.Second {
			t.Errorf("the next coordinator took %v", took)
		}
		if got := groupstest.Committed(t, on[2], "g"); got != 7 {
			t.Errorf("offset %d, want 7", got)
		}
		s := on[2].Sync(t.Context(), classic.SyncRequest{Group: "g", MemberID: ids[1], Generation: generation})
		if s.Err != nil || !bytes.Equal(s.Assignment, []byte{1}) {
			t.Errorf("the member's assignment: %+v", s)
		}
		groupstest.Kind(t, on[2].Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 8)), fault.None)

		r.heal(1)
		r.apply(metadata.UnfenceBroker{ID: 1, Epoch: 1})
		groupstest.Kind(t, on[1].Heartbeat(t.Context(), beat), fault.NotCoordinator)
		topic, _ := r.store.Image().Topic(metadata.OffsetsTopic)
		for ; r.at(metadata.OffsetsTopic).Leader != 1; time.Sleep(10 * time.Millisecond) {
			_, _ = r.store.Apply(t.Context(), metadata.ElectLeader{TopicID: topic.ID}) // when it is in sync again
		}
		retried(t, func() error { return on[1].Heartbeat(t.Context(), beat) })
		if got := groupstest.Committed(t, on[1], "g"); got != 8 {
			t.Errorf("offset %d, want 8, which another coordinator has taken", got)
		}
		groupstest.Kind(t, on[2].Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 9)), fault.NotCoordinator)
	})
}

func TestACommitThatOnlyOneBrokerHasIsNotAcknowledged(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		on, stop := r.coordinators()
		defer stop()
		retried(t, func() error { return on[1].Commit(t.Context(), groupstest.CommitOf("g", "", -1, 3)) })
		r.isolate(1)
		answer := make(chan error, 1)
		go func() { answer <- on[1].Commit(t.Context(), groupstest.CommitOf("g", "", -1, 4)) }()
		time.Sleep(ringSession)
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		retried(t, func() error { return on[2].Commit(t.Context(), groupstest.CommitOf("h", "", -1, 1)) })
		r.heal(1)
		if err := <-answer; err == nil {
			t.Error("a commit is acknowledged that is lost")
		}
		if got := groupstest.Committed(t, on[2], "g"); got != 3 {
			t.Errorf("offset %d, want 3", got)
		}
	})
}

func TestGroupsLiveInPartitions(t *testing.T) { // the services together, over a log store
	f := newFixture(t)
	f.apply(t, metadata.CreateTopic{
		Name: metadata.OffsetsTopic, ID: metadata.TopicID{9}, Partitions: 50,
		ReplicationFactor: 1,
	})
	for range 2 { // the second coordinator reads what the first has written
		ctx, cancel := context.WithCancel(t.Context())
		configs := newFixedConfigs()
		configs.ints = map[string]int64{
			"group.max.session.timeout.ms": 1 << 30, "group.max.size": 10,
			"offsets.commit.timeout.ms": 10_000, "offset.metadata.max.bytes": 10, "offsets.retention.check.interval.ms": 1 << 30,
		}
		g := groups.New(groups.Dependencies{
			Log: f.partitions, Topics: groupstest.ExistingTopics{Store: f.store}, Metadata: f.store, Configs: configs, NodeID: 1,
			Memory: coordinator.NewMemory(1 << 30), Clock: time.Now, Random: groupstest.Random(1),
			Logger: slog.New(slog.DiscardHandler),
		})
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		before, err := g.FetchOffsets(t.Context(), "g", nil, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, int64(len(before)+5))); err != nil {
			t.Fatal(err)
		}
		got, err := g.FetchOffsets(t.Context(), "g", nil, true)
		if err != nil || len(got) != 1 || got[0].Offset.Offset != int64(len(before)+5) {
			t.Errorf("offsets %+v, %v after %+v", got, err, before)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	}
}

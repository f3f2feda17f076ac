package groups

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/broker/groups/groupstest"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// nothingLog is a log that is durable at once and keeps nothing.
type nothingLog struct{}

func (nothingLog) LeaderEpoch(context.Context, string, int32) (int32, error) { return 0, nil }

func (nothingLog) Start(
	context.Context, metadata.TopicID, int32, int32, record.Batch,
) (wait func(context.Context) error, err error) {
	return func(context.Context) error { return nil }, nil
}

func (nothingLog) Read(context.Context, string, int32, int64, func(record.Batch) error) error {
	return nil
}

// benchmarked runs a coordinator until the benchmark ends.
func benchmarked(b *testing.B) *Coordinator {
	b.Helper()
	store := porttest.NewStore()
	for _, cmd := range []metadata.Command{
		metadata.RegisterBroker{ID: 1},
		metadata.CreateTopic{Name: metadata.OffsetsTopic, ID: metadata.TopicID{9}, Partitions: 50, ReplicationFactor: 1},
		metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{1}, Partitions: 4, ReplicationFactor: 1},
	} {
		if _, err := store.Apply(b.Context(), cmd); err != nil {
			b.Fatal(err)
		}
	}
	c := New(Dependencies{
		Log: nothingLog{}, Topics: groupstest.ExistingTopics{Store: store}, Metadata: store, Configs: brokerConfigs{
			"offsets.commit.timeout.ms": 10_000, "offset.metadata.max.bytes": 10, "group.max.session.timeout.ms": 1 << 30,
			"group.max.size": 1000, "offsets.retention.check.interval.ms": 1 << 30,
		},
		NodeID: 1, Memory: coordinator.NewMemory(1 << 30), Clock: time.Now, Random: groupstest.Random(1),
		Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	return c
}

func BenchmarkCommit(b *testing.B) {
	c := benchmarked(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		id := fmt.Sprint("g", rand.Int())
		for pb.Next() {
			if err := c.Commit(b.Context(), groupstest.CommitOf(id, "", -1, 1, 2, 3)); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkHeartbeat(b *testing.B) {
	c := benchmarked(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		id := fmt.Sprint("g", rand.Int())
		joined := c.Join(b.Context(), groupstest.JoinRequest(id, "", ""))
		beat := classic.HeartbeatRequest{Group: id, MemberID: joined.MemberID, Generation: joined.Generation}
		for pb.Next() {
			if err := c.Heartbeat(b.Context(), beat); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkFetchOffsets(b *testing.B) {
	c := benchmarked(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		id := fmt.Sprint("g", rand.Int())
		if err := c.Commit(b.Context(), groupstest.CommitOf(id, "", -1, 1, 2, 3)); err != nil {
			b.Error(err)
		}
		for pb.Next() {
			if got := groupstest.Committed(b, c, id); got != 1 {
				b.Errorf("offset %d", got)
			}
		}
	})
}

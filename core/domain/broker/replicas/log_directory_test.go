package replicas

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// lostDir is a log store whose directory cannot be read.
type lostDir struct{ *porttest.Logs }

func (lostDir) Dir() (ports.LogDir, error) { return ports.LogDir{}, errors.New("gone") }

func TestTheLogDirectoryIsDescribed(t *testing.T) {
	f := newFixture(t)
	f.apply(t, metadata.RegisterBroker{ID: 2})
	f.apply(t, metadata.CreateTopic{
		Name: "elsewhere", ID: metadata.TopicID{2}, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{{2}, {1}},
	})
	b := newBatch(t, record.Options{}, "one")
	if got := f.sent(t, b); got.Err != nil {
		t.Fatal(got.Err)
	}
	all := []ports.LogUsage{
		{Topic: "elsewhere", Partition: 1},
		{Topic: "orders", Partition: 0, Size: int64(len(b))},
		{Topic: "orders", Partition: 1},
	}
	dir, usages, err := f.partitions.LogDir(t.Context(), func(string, int32) bool { return true })
	if diff := cmp.Diff(all, usages); err != nil || dir.Path != "memory" || diff != "" {
		t.Errorf("all: %+v, %v (-want +got):\n%s", dir, err, diff)
	}
	_, usages, err = f.partitions.LogDir(t.Context(), func(topic string, index int32) bool {
		return topic == "orders" && index == 0
	})
	if diff := cmp.Diff(all[1:2], usages); err != nil || diff != "" {
		t.Errorf("one: %v (-want +got):\n%s", err, diff)
	}
	lost := NewPartitions(f.store, lostDir{f.logs}, f.configs, 1, 1, NewEndlessLease(time.Now), nil, time.Now,
		slog.New(slog.DiscardHandler))
	_, _, err = lost.LogDir(t.Context(), func(string, int32) bool { return true })
	if !errors.Is(err, fault.KafkaStorageError) {
		t.Errorf("a directory that cannot be read: %v", err)
	}
}

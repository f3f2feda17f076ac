package replicas

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestLogsThatRestoredMetadataDoesNotKnowAreKept(t *testing.T) {
	img := new(metadata.Image)
	for _, cmd := range []metadata.Command{
		metadata.RegisterBroker{ID: 1, Incarnation: [16]byte{1}},
		metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{1}, Partitions: 2, ReplicationFactor: 1},
	} {
		var err error
		if img, _, err = metadata.Apply(img, cmd); err != nil {
			t.Fatal(err)
		}
	}
	known := ports.LogID{Topic: "orders", TopicID: metadata.TopicID{1}, Partition: 1}
	strays := []ports.LogID{
		{Topic: "orders", TopicID: metadata.TopicID{1}, Partition: 2},   // a partition that was added
		{Topic: "invoices", TopicID: metadata.TopicID{2}, Partition: 0}, // a new topic
		{Topic: "orders", TopicID: metadata.TopicID{3}, Partition: 0},   // created under the name of a deleted one
	}
	for restored, want := range map[bool][]ports.LogID{false: nil, true: strays} {
		logs := porttest.NewLogs()
		logs.AddStrays(append([]ports.LogID{known}, strays...)...)
		now := img
		if restored {
			now = img.AfterLoss()
		}
		var lines bytes.Buffer
		if err := SetStraysAside(t.Context(), now, logs, slog.New(slog.NewTextHandler(&lines, nil))); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(logs.Aside(), want) || len(logs.Deleted()) > 0 {
			t.Errorf("restored %t: set aside %v, deleted %v; want %v", restored, logs.Aside(), logs.Deleted(), want)
		}
		if n := strings.Count(lines.String(), "directory="); n != len(want) {
			t.Errorf("restored %t: %d log lines about it:\n%s", restored, n, &lines)
		}
	}
}

// TestLogsAreDeletedOnlyByMetadataWithAHistoryAndNeverSilently: metadata that is empty does not say that a topic was
// deleted.
func TestLogsAreDeletedOnlyByMetadataWithAHistoryAndNeverSilently(t *testing.T) {
	store, logs, lines := porttest.NewStore(), porttest.NewLogs(), new(bytes.Buffer)
	stray := ports.LogID{Topic: "invoices", TopicID: metadata.TopicID{2}, Partition: 3}
	logs.AddStrays(stray)
	ps := NewPartitions(store, logs, newFixedConfigs(), 1, 1, NewEndlessLease(time.Now), nil, time.Now,
		slog.New(slog.NewTextHandler(lines, nil)))
	if err := ps.sweep(t.Context()); err != nil || len(logs.Deleted()) > 0 {
		t.Fatalf("sweep() of empty metadata = %v, deleted %v", err, logs.Deleted())
	}
	if _, err := store.Apply(t.Context(), metadata.InitCluster{ClusterID: "cluster"}); err != nil {
		t.Fatal(err)
	}
	if err := ps.sweep(t.Context()); err != nil || !slices.Equal(logs.Deleted(), []ports.LogID{stray}) {
		t.Errorf("sweep() = %v, deleted %v", err, logs.Deleted())
	}
	for _, want := range []string{
		"level=INFO", "log deleted", "topic=invoices", "topic_id=" + stray.TopicID.String(), "partition=3",
	} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("it logs %q, want %q", lines.String(), want)
		}
	}
}

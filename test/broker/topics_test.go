package broker

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestDeletedTopicsStayDeletedAndFreeTheirSpace creates and deletes topics while the broker is killed. What was
// answered holds: no deleted topic comes back, no created one is missing, and no directory is left over (anomaly 21).
func TestDeletedTopicsStayDeletedAndFreeTheirSpace(t *testing.T) {
	b := harness.Start(t, "")
	addr, dir := b.Addr, b.Dir
	cl := harness.NewClient(t, addr, kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }))
	admin := kadm.NewClient(cl)
	delay := map[string]*string{"file.delete.delay.ms": kadm.StringPtr("0")}
	created, deleted := make(map[string]bool), make(map[string]bool)
	for round := range 8 {
		for i := range 6 {
			name := fmt.Sprintf("topic-%d-%d", round, i)
			if _, err := admin.CreateTopic(t.Context(), 2, 1, delay, name); err != nil {
				t.Fatal(err)
			}
			created[name] = true
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: name, Value: []byte("kept")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				if _, err := admin.DeleteTopic(t.Context(), name); err != nil {
					t.Fatal(err)
				}
				deleted[name] = true
			}
		}
		b.Kill()
		b = harness.StartAt(t, dir, addr)
	}
	topics, err := admin.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name := range created {
		if _, there := topics[name]; there == deleted[name] {
			t.Errorf("topic %s: deleted %t, there %t", name, deleted[name], there)
		}
	}
	harness.Within(t, 20*time.Second, "directories of deleted topics are gone", func() bool {
		left, err := filepath.Glob(filepath.Join(dir, "topic-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range left {
			name := filepath.Base(path)
			if i := strings.LastIndexByte(name, '-'); deleted[name[:i]] || strings.HasSuffix(name, "-delete") {
				return false
			}
		}
		return true
	})
}

// TestARecreatedTopicIsAnother recreates a topic under its old name: it has another id and none of the old records,
// also after a crash (anomaly 21).
func TestARecreatedTopicIsAnother(t *testing.T) {
	b := harness.Start(t, "")
	admin := kadm.NewClient(harness.NewClient(t, b.Addr))
	ids := make(map[kadm.TopicID]bool)
	for round := range 5 {
		if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "again"); err != nil {
			t.Fatal(err)
		}
		// A client of its own: franz-go answers from metadata that it has fetched a moment ago.
		topics, err := kadm.NewClient(harness.NewClient(t, b.Addr)).ListTopics(t.Context(), "again")
		if err != nil {
			t.Fatal(err)
		}
		if id := topics["again"].ID; ids[id] {
			t.Errorf("round %d has the old id", round)
		} else {
			ids[id] = true
		}
		cl := harness.NewClient(t, b.Addr, kgo.DefaultProduceTopic("again"))
		for n := range round + 1 {
			r, err := cl.ProduceSync(t.Context(), &kgo.Record{Value: []byte("x")}).First()
			if err != nil || r.Offset != int64(n) {
				t.Fatalf("round %d: record %d is at %v, %v", round, n, r, err)
			}
		}
		cl.Close()
		if _, err := admin.DeleteTopic(t.Context(), "again"); err != nil {
			t.Fatal(err)
		}
		if rand.IntN(2) == 0 {
			b.Kill()
			b = harness.StartAt(t, b.Dir, b.Addr)
		}
	}
}

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestDeletedTopicsStayDeletedAndFreeTheirSpace creates and deletes topics while the broker is killed. What was answered holds: no
// deleted topic comes back, no created one is missing, and no directory is left over (anomaly 21).
func TestDeletedTopicsStayDeletedAndFreeTheirSpace(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	addr, dir := b.addr, b.dir
	cl := client(t, addr, kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }))
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
		b.kill()
		b = startAt(t, dir, addr)
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
	within(t, 20*time.Second, "directories of deleted topics are gone", func() bool {
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

// TestARecreatedTopicIsAnother makes a topic anew under its old name: it has another id and none of the old records, also
// after a crash (anomaly 21).
func TestARecreatedTopicIsAnother(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	admin := kadm.NewClient(client(t, b.addr))
	ids := make(map[kadm.TopicID]bool)
	for round := range 5 {
		if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "again"); err != nil {
			t.Fatal(err)
		}
		// A client of its own: franz-go answers from what it has heard a moment ago.
		topics, err := kadm.NewClient(client(t, b.addr)).ListTopics(t.Context(), "again")
		if err != nil {
			t.Fatal(err)
		}
		if id := topics["again"].ID; ids[id] {
			t.Errorf("round %d has the old id", round)
		} else {
			ids[id] = true
		}
		cl := client(t, b.addr, kgo.DefaultProduceTopic("again"))
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
			b.kill()
			b = startAt(t, b.dir, b.addr)
		}
	}
}

// TestTwoThousandTopicsComeAndGo has the broker make and delete many topics; files and memory do not grow with those that are gone.
func TestTwoThousandTopicsComeAndGo(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	admin := kadm.NewClient(client(t, b.addr))
	for round := range 4 {
		var names []string
		for i := range 500 {
			names = append(names, fmt.Sprintf("brief-%d-%d", round, i))
		}
		if _, err := admin.CreateTopics(t.Context(), 1, 1, nil, names...); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.ListEndOffsets(t.Context(), names...); err != nil { // opens their logs
			t.Fatal(err)
		}
		if _, err := admin.DeleteTopics(t.Context(), names...); err != nil {
			t.Fatal(err)
		}
	}
	descriptors := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	within(t, 20*time.Second, "files of deleted topics are closed", func() bool { return descriptors() < 200 })
	if used := b.anonymousMemory(t); used > 128<<20 {
		t.Errorf("the broker uses %d MiB", used>>20)
	}
}

// within fails the test when what holds does not come to hold in time.
func within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(20 * time.Millisecond) { // polls a condition with a deadline
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestRestoredMetadataGivesNothingTwiceAndDeletesNoRecords loses the metadata of a broker and restores it from a
// snapshot that is older than a topic, a topic that was made anew, and producer ids.
func TestRestoredMetadataGivesNothingTwiceAndDeletesNoRecords(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	addr, dir := b.addr, b.dir
	create := func(topic string) {
		t.Helper()
		if _, err := kadm.NewClient(client(t, addr)).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	produce := func(topic, value string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := client(t, addr, kgo.DefaultProduceTopic(topic)).ProduceSync(ctx, kgo.StringRecord(value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	create("known")
	create("made-anew")
	produce("known", "before")
	b.stop(t) // writes a snapshot
	b = startAt(t, dir, addr)
	if _, err := kadm.NewClient(client(t, addr)).DeleteTopics(t.Context(), "made-anew"); err != nil {
		t.Fatal(err)
	}
	create("made-anew")
	create("younger")
	for _, topic := range []string{"made-anew", "younger"} {
		produce(topic, "kept of "+topic)
	}
	lost := b.producerID(t)
	b.kill()
	if err := os.RemoveAll(filepath.Join(dir, "wal_metadata")); err != nil {
		t.Fatal(err)
	}

	path, err := brokerBinary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := tryCommand(t, "", path, "--data-dir", dir, "--listen", addr, "--set", "http.listen=")
	if err == nil {
		t.Fatal("the broker starts without its metadata")
	}
	wants(t, out, "chronik-server metadata restore", "is forgotten", "-stray")
	out, err = tryCommand(t, "", path, "metadata", "restore", "--data-dir", dir)
	if err != nil {
		t.Fatal(err, out)
	}
	wants(t, out, "restored from ", "what came later is lost", "-stray")

	for range 2 {
		b = startAt(t, dir, addr)
		produce("known", "after")
		produce("made-anew", "after") // the one that was deleted is there again, without records
		if id := b.producerID(t); id <= lost {
			t.Errorf("producer id %d is given again; %d was given before", id, lost)
		}
		for _, topic := range []string{"made-anew", "younger"} {
			logs, err := filepath.Glob(filepath.Join(dir, "*", topic+"-0.*-stray", "*.log"))
			if more, _ := filepath.Glob(filepath.Join(dir, topic+"-0.*-stray", "*.log")); len(more) > 0 {
				logs = more
			}
			if err != nil || len(logs) != 1 {
				t.Fatalf("the records of %s are gone: %v, %v", topic, logs, err)
			}
			if content, err := os.ReadFile(logs[0]); err != nil || !strings.Contains(string(content), "kept of "+topic) {
				t.Errorf("the record of %s is gone: %v", topic, err)
			}
		}
		b.stop(t)
	}
}

// producerID is a new one.
func (p *process) producerID(t *testing.T) int64 {
	t.Helper()
	resp, err := client(t, p.addr).Request(t.Context(), kmsg.NewPtrInitProducerIDRequest())
	if err != nil {
		t.Fatal(err)
	}
	return resp.(*kmsg.InitProducerIDResponse).ProducerID
}

package broker

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

	"github.com/chronik-stream/chronik/test/harness"
)

// TestRestoredMetadataGivesNothingTwiceAndDeletesNoRecords loses the metadata of a broker and restores it from a
// snapshot that is older than a topic, a topic that was recreated, and producer ids.
func TestRestoredMetadataGivesNothingTwiceAndDeletesNoRecords(t *testing.T) {
	b := harness.Start(t, "")
	addr, dir := b.Addr, b.Dir
	create := func(topic string) {
		t.Helper()
		if _, err := kadm.NewClient(harness.NewClient(t, addr)).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	produce := func(topic, value string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := harness.NewClient(t, addr, kgo.DefaultProduceTopic(topic)).ProduceSync(ctx,
			kgo.StringRecord(value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	create("known")
	create("recreated")
	produce("known", "before")
	b.Stop(t) // writes a snapshot
	b = harness.StartAt(t, dir, addr)
	if _, err := kadm.NewClient(harness.NewClient(t, addr)).DeleteTopics(t.Context(), "recreated"); err != nil {
		t.Fatal(err)
	}
	create("recreated")
	create("younger")
	for _, topic := range []string{"recreated", "younger"} {
		produce(topic, "kept of "+topic)
	}
	lost := producerID(t, b)
	b.Kill()
	if err := os.RemoveAll(filepath.Join(dir, "wal_metadata")); err != nil {
		t.Fatal(err)
	}

	path := harness.Binary(t)
	out, err := harness.TryCommand(t, "", path, "--data-dir", dir, "--listen", addr, "--set", "http.listen=")
	if err == nil {
		t.Fatal("the broker starts without its metadata")
	}
	harness.Wants(t, out, "chronik-server metadata restore", "what was created since is lost", "-stray")
	out, err = harness.TryCommand(t, "", path, "metadata", "restore", "--data-dir", dir)
	if err != nil {
		t.Fatal(err, out)
	}
	harness.Wants(t, out, "restored from ", "what came later is lost", "-stray")

	for range 2 {
		b = harness.StartAt(t, dir, addr)
		produce("known", "after")
		produce("recreated", "after") // the one that was deleted is there again, without records
		if id := producerID(t, b); id <= lost {
			t.Errorf("producer id %d is given again; %d was given before", id, lost)
		}
		for _, topic := range []string{"recreated", "younger"} {
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
		b.Stop(t)
	}
}

// producerID is a new one.
func producerID(t *testing.T, p *harness.Broker) int64 {
	t.Helper()
	resp, err := harness.NewClient(t, p.Addr).Request(t.Context(), kmsg.NewPtrInitProducerIDRequest())
	if err != nil {
		t.Fatal(err)
	}
	return resp.(*kmsg.InitProducerIDResponse).ProducerID
}

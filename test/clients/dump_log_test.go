//go:build !raft

package clients

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestKafkaDumpLogReadsTheFiles has Kafka's own tool read what the broker has written: records, indexes, producer
// snapshots.
func TestKafkaDumpLogReadsTheFiles(t *testing.T) {
	b := harness.Start(t, "")
	b.Kafka(t, "topics", "--create", "--topic", "dumped", "--config", "segment.bytes=1048576")
	b.Kafka(t, "producer-perf-test", "--topic", "dumped", "--num-records", "20000", "--record-size", "200",
		"--throughput", "-1",
		"--producer-props", "bootstrap.servers="+b.Addr, "compression.type=lz4", "batch.size=4096")
	b.Stop(t)

	files := func(pattern string) []string {
		found, err := filepath.Glob(filepath.Join(b.Dir, "dumped-0", pattern))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			t.Fatalf("no %s in %s", pattern, b.Dir)
		}
		return found
	}
	dump := func(args ...string) string {
		out := harness.Command(t, "", harness.KafkaScript, append([]string{"dump-log"}, args...)...)
		for _, bad := range []string{"Mismatches", "not found", "Exception", "error", "corrupt"} {
			if strings.Contains(out, bad) {
				t.Errorf("dump-log %v:\n%s", args, out[:min(len(out), 3000)])
			}
		}
		return out
	}
	logs := files("*.log")
	if len(logs) < 2 {
		t.Errorf("%d segments, want several", len(logs))
	}
	out := dump("--deep-iteration", "--files", strings.Join(logs, ","))
	if records := strings.Count(out, "| offset: "); records != 20000 {
		t.Errorf("dump-log shows %d records, want 20000", records)
	}
	harness.Wants(t, out, "isvalid: true", "compresscodec: lz4")
	if strings.Contains(out, "isvalid: false") {
		t.Error("dump-log finds an invalid batch")
	}
	for _, pattern := range []string{"*.index", "*.timeindex"} {
		dump("--index-sanity-check", "--files", strings.Join(files(pattern), ","))
		dump("--verify-index-only", "--files", strings.Join(files(pattern), ","))
	}
	harness.Wants(t, dump("--files", strings.Join(files("*.snapshot"), ",")), "producerId:")
}

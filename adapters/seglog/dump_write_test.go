package seglog

import (
	"os"
	"testing"

	"github.com/chronik-stream/chronik/core/ports"
)

// TestWriteForKafkaTools leaves a log of many segments in $SEGLOG_DUMP for Kafka's dump-log to read by hand.
func TestWriteForKafkaTools(t *testing.T) {
	dir := os.Getenv("SEGLOG_DUMP")
	if dir == "" {
		t.Skip("SEGLOG_DUMP names no directory")
	}
	s := openStore(t, dir)
	l, f := openLog(
		t, s, ports.LogConfig{SegmentBytes: 64 << 10, IndexIntervalBytes: 1000, RetentionAge: -1, RetentionBytes: -1},
	)
	for range 1000 {
		appendBatch(t, l, 5)
	}
	f.await(t, 5000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

package seglog

import (
	"fmt"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// batchAt builds a batch of one record at an offset.
func batchAt(t *testing.T, at int64) record.Batch {
	t.Helper()
	b := record.NewBuilder(record.Options{BaseOffset: at})
	b.Append(1000, []byte("key"), fmt.Appendf(nil, "value at %d", at))
	out, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// held returns the offsets of the batches in the log.
func held(t *testing.T, l *Log) (all []int64) {
	t.Helper()
	if err := l.walk(l.StartOffset(), func(b record.Batch) { all = append(all, b.BaseOffset()) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestASegmentThatBeginsBehindAGapSurvivesEveryCrash appends as a follower does whose leader has compacted: with
// gaps, at which segments begin. What was acknowledged is there after a crash before any operation of the disk,
// whichever way it went there.
func TestASegmentThatBeginsBehindAGapSurvivesEveryCrash(t *testing.T) {
	appended := [][]int64{{0, 1}, {10}, {11, 20}, {21, 30, 31, 40}, {41}} // in one go each
	for _, c := range []struct {
		name   string
		flush  ports.FlushPolicy
		direct int // see journal.Options
		loss   disktest.Loss
	}{
		{"synced around the journal, power fails", ports.FlushSync, 1, disktest.Unsynced},
		{"synced around the journal, killed", ports.FlushSync, 1, disktest.Nothing},
		{"through the journal, power fails", ports.FlushSync, -1, disktest.Unsynced},
		{"through the journal, killed", ports.FlushSync, -1, disktest.Nothing},
		{"left to the operating system, killed", ports.FlushOS, 0, disktest.Nothing},
		{"synced at an interval, killed", ports.FlushInterval, 0, disktest.Nothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			for n, reached := 0, true; reached; n++ {
				plug := disktest.NewPlug(nil)
				opt := Options{Dir: "/data", FS: plug, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: c.direct}}
				s, err := Open(t.Context(), opt)
				if err != nil {
					t.Fatal(err)
				}
				cfg := ports.LogConfig{SegmentBytes: 150, RetentionAge: -1, RetentionBytes: -1, Flush: c.flush, FlushAge: -1}
				l, f := openLog(t, s, cfg)
				plug.Pull(n, c.loss)
				for _, offsets := range appended {
					var batches []record.Batch
					for _, at := range offsets {
						batches = append(batches, batchAt(t, at))
					}
					last := offsets[len(offsets)-1]
					if l.Append(batches, nil, time.UnixMilli(1000)) != nil || f.awaitOutcome(t, last+1) != nil {
						break
					}
				}
				reached = plug.Off()
				acknowledged := l.DurableEnd()
				left, _ := plug.Crashed()
				_ = s.Close() // without power
				opt.FS = left
				again, err := Open(t.Context(), opt)
				if err != nil {
					t.Fatal(err)
				}
				l, f = openLog(t, again, cfg)
				if end := l.EndOffset(); end < acknowledged || end > 42 {
					t.Fatalf("power fails before operation %d: the log ends at %d, acknowledged was %d", n, end, acknowledged)
				}
				var want []int64
				for _, offsets := range appended {
					for _, at := range offsets {
						if at < l.EndOffset() {
							want = append(want, at)
						}
					}
				}
				if got := held(t, l); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("power fails before operation %d: the log holds %v, want %v", n, got, want)
				}
				if err := l.Append([]record.Batch{batchAt(t, l.EndOffset())}, nil, time.UnixMilli(1000)); err != nil {
					t.Fatal(err)
				}
				f.await(t, l.EndOffset())
				if err := again.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

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

// TestACompactedLogEndsWhereItWasTruncatedTo cuts a log where all directly below was compacted away.
func TestACompactedLogEndsWhereItWasTruncatedTo(t *testing.T) {
	for _, loss := range []disktest.Loss{disktest.Nothing, disktest.Unsynced, -1} {
		for _, appended := range []int64{0, 1, 3} {
			t.Run(fmt.Sprintf("loss %d, %d appended", loss, appended), func(t *testing.T) {
				fs := disktest.New()
				opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10}}
				s, err := Open(t.Context(), opt)
				if err != nil {
					t.Fatal(err)
				}
				cfg := ports.LogConfig{
					SegmentBytes:    1,
					Compact:         true,
					RetentionAge:    -1,
					RetentionBytes:  -1,
					DeleteRetention: time.Hour,
				}
				l, f := openLog(t, s, cfg)
				for range 10 {
					put(t, l, f, 1000, time.UnixMilli(0)) // one key
				}
				cfg.SegmentBytes = 1 << 20
				configure(l, cfg)
				if err := cleanAll(t.Context(), s, time.UnixMilli(2000)); err != nil {
					t.Fatal(err)
				}
				if got := bases(l); len(got) != 2 || got[1] != 9 {
					t.Fatalf("segments begin at %v", got)
				}
				if err := l.Truncate(t.Context(), 5); err != nil {
					t.Fatal(err)
				}
				f.durable = l.DurableEnd()
				if l.EndOffset() != 5 || l.DurableEnd() != 5 {
					t.Fatalf("the log ends at %d, durable at %d", l.EndOffset(), l.DurableEnd())
				}
				for range appended {
					put(t, l, f, 1000, time.UnixMilli(0))
				}
				if loss >= 0 {
					opt.FS = fs.Crash(loss, nil)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if s, err = Open(t.Context(), opt); err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				l, f = openLog(t, s, cfg)
				if l.EndOffset() != 5+appended {
					t.Errorf("after a restart the log ends at %d", l.EndOffset())
				}
				put(t, l, f, 1000, time.UnixMilli(0))
				slice, err := l.Read(1, l.EndOffset(), 1) // the first batch is left, empty: it begins a leader epoch
				if err != nil || slice.Size == 0 {
					t.Fatalf("a read over the gap: %d bytes, %v", slice.Size, err)
				}
				buf := make([]byte, slice.Size)
				if err := slice.ReadInto(buf); err != nil {
					t.Fatal(err)
				}
				slice.Release()
				if got := record.Batch(buf).BaseOffset(); got != 5 {
					t.Errorf("a read over the gap returns the batch of %d", got)
				}
			})
		}
	}
}

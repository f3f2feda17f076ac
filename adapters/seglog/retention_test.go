package seglog

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/core/ports"
)

func TestRetentionDeletesNothingThatIsNotCommitted(t *testing.T) {
	type step struct{ committed, start int64 }
	steps := []step{{0, 0}, {1, 1}, {3, 3}, {2, 3}, {4, 4}, {5, 5}} // a segment for each record; the last one is active
	for name, cfg := range map[string]ports.LogConfig{
		"by time": {RetentionAge: time.Minute, RetentionBytes: -1}, "by size": {RetentionAge: -1, RetentionBytes: 0},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.SegmentBytes, cfg.Delete = 1, true
			_, l, f := openMemory(t, cfg)
			configure(l, cfg)
			for range 5 {
				put(t, l, f, 1000, time.UnixMilli(0))
			}
			for _, s := range steps {
				if err := l.Retain(t.Context(), time.UnixMilli(1_000_000), func() int64 { return s.committed }); err != nil {
					t.Fatal(err)
				}
				if l.StartOffset() != s.start || l.EndOffset() != 5 {
					t.Errorf("with %d committed the log is from %d to %d", s.committed, l.StartOffset(), l.EndOffset())
				}
			}
			put(t, l, f, 2_000_000, time.UnixMilli(0))
			wantOffsets(t, offsets(t, l, 4000), 5, 6)
		})
	}
}

// A retention.bytes above 0 never takes the active segment, as in Kafka.
func TestRetentionBySizeKeepsTheActiveSegmentUnlessNothingMayStay(t *testing.T) {
	for bytes, want := range map[int64]int64{0: 3, 1: 2} {
		cfg := ports.LogConfig{SegmentBytes: 1, Delete: true, RetentionAge: -1, RetentionBytes: bytes}
		s, l, f := openMemory(t, cfg)
		configure(l, cfg)
		for range 3 {
			put(t, l, f, 1000, time.UnixMilli(0))
		}
		if err := cleanAll(t.Context(), s, time.UnixMilli(2000)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int64{want}, bases(l)); diff != "" || l.StartOffset() != want {
			t.Errorf(
				"with retention.bytes=%d the log starts at %d, its segments (-want +got):\n%s", bytes, l.StartOffset(), diff,
			)
		}
	}
}

// As in Kafka a segment whose records have no timestamp, or negative ones, is as old as its file, over restarts, too.
// It keeps none behind it from expiring, and is kept by none.
func TestRecordsWithoutTimestampExpireWithTheirFile(t *testing.T) {
	const hour = time.Hour
	written := time.UnixMilli(1_700_000_000_000)
	for _, c := range []struct {
		name  string
		times []int64 // of the records of one segment each; the last one is active
		age   time.Duration
		want  int64
	}{
		{"young", []int64{-1, -1, -1}, hour, 0},
		{"old", []int64{-1, -1, -1}, hour + time.Millisecond, 3},
		{"negative", []int64{-5000, -2, -1}, hour + time.Millisecond, 3},
		{"before others that have expired", []int64{-1, 1000, 1000}, hour + time.Millisecond, 3},
		{"before one that has not", []int64{-1, written.UnixMilli() + 10_000_000, -1}, hour + time.Millisecond, 1},
	} {
		for _, restarted := range []bool{false, true} {
			cfg := ports.LogConfig{SegmentBytes: 1, Delete: true, RetentionAge: hour, RetentionBytes: -1}
			s, l, f := openMemory(t, cfg)
			for _, ms := range c.times {
				put(t, l, f, ms, time.UnixMilli(0))
			}
			fs := s.opt.FS.(*disktest.FS)
			for _, base := range bases(l) {
				if err := fs.Chtimes(l.path(base, logSuffix), written); err != nil {
					t.Fatal(err)
				}
			}
			if restarted {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				again, err := Open(t.Context(), s.opt)
				if err != nil {
					t.Fatal(err)
				}
				defer again.Close()
				l, _ = openLog(t, again, cfg)
			}
			if err := l.Retain(t.Context(), written.Add(c.age), l.DurableEnd); err != nil {
				t.Fatal(err)
			}
			if l.StartOffset() != c.want {
				t.Errorf("%s, restarted %v: the log starts at %d, want %d", c.name, restarted, l.StartOffset(), c.want)
			}
		}
	}
}

func TestRetentionSaysThatTheLogIsBusy(t *testing.T) {
	_, l, _ := openMemory(t, ports.LogConfig{})
	l.cleaning.Lock()
	if err := l.Retain(t.Context(), time.UnixMilli(0), l.DurableEnd); !errors.Is(err, ports.ErrLogBusy) {
		t.Errorf("while the log is being changed: %v", err)
	}
	l.cleaning.Unlock()
	if err := l.Retain(t.Context(), time.UnixMilli(0), l.DurableEnd); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

package seglog

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// expiring has a log of one segment whose records are all too old, on a disk in memory.
func expiring(t *testing.T, segmentBytes int64) (*disktest.FS, Options, *Store, *Log, *witness) {
	t.Helper()
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	cfg := ports.LogConfig{SegmentBytes: segmentBytes, Delete: true, RetentionAge: time.Minute, RetentionBytes: -1}
	s, logs, witnesses := openNamed(t, opt, cfg, []string{"a"})
	put(t, logs[0], witnesses[0], 1000, time.UnixMilli(1000))
	return fs, opt, s, logs[0], witnesses[0]
}

// TestAnAppendThatIsQuickerThanTheRollOfAnExpiredSegmentIsKept appends just when the next segment's file is made, to
// the segment that is there and to one that begins with it. Files cannot be removed then. What was appended is there,
// also after a proper stop.
func TestAnAppendThatIsQuickerThanTheRollOfAnExpiredSegmentIsKept(t *testing.T) {
	for name, segmentBytes := range map[string]int64{"to the old segment": 1 << 20, "to a new one": 1} {
		t.Run(name, func(t *testing.T) {
			fs, opt, s, l, f := expiring(t, segmentBytes)
			quicker := batch(t, l, 5, time.Now().UnixMilli())
			var appended atomic.Bool
			fs.Fail(func(op disktest.Op, path string) error {
				if op == disktest.OpOpen && strings.HasSuffix(path, segmentName(1, logSuffix)) && !appended.Swap(true) {
					if err := l.Append([]record.Batch{quicker}, nil, time.Now()); err != nil {
						t.Error(err)
					}
				}
				if op == disktest.OpRemove && strings.HasSuffix(path, logSuffix) {
					return syscall.EIO
				}
				return nil
			})
			if err := l.Retain(t.Context(), time.Now(), l.DurableEnd); err != nil {
				t.Log(err)
			}
			f.await(t, 6)
			fs.Fail(nil)
			appendBatch(t, l, 5)
			f.await(t, 11)
			wantOffsets(t, offsets(t, l, 4000), l.StartOffset(), 11)
			if !appended.Load() {
				t.Fatal("nothing was rolled")
			}
			wantKeptOverEnds(t, opt, s, l.StartOffset(), 11)
		})
	}
}

// TestASegmentThatIsHalfCreatedIsWrittenToOnlyWhenItIsWhole lacks descriptors for each operation in turn with which a
// segment is begun because the last one has expired.
func TestASegmentThatIsHalfCreatedIsWrittenToOnlyWhenItIsWhole(t *testing.T) {
	for n, more := int64(0), true; more; n++ {
		fs, opt, s, l, f := expiring(t, 1<<20)
		var done atomic.Int64
		fs.Fail(func(op disktest.Op, path string) error {
			next := strings.Contains(path, segmentName(1, "")) || op == disktest.OpSyncDir && strings.HasSuffix(path, "a-0")
			if !next || done.Add(1) <= n {
				return nil
			}
			return syscall.EMFILE
		})
		err := l.Retain(t.Context(), time.Now(), l.DurableEnd)
		if more = done.Load() > n; more == (err == nil) {
			t.Errorf("operation %d: %v", n, err)
		}
		fs.Fail(nil)
		appendBatch(t, l, 5)
		f.await(t, 6)
		if err := l.Retain(t.Context(), time.Now(), l.DurableEnd); err != nil {
			t.Error(err)
		}
		if l.StartOffset() != 1 {
			t.Errorf("operation %d: what has expired is kept: the log starts at %d", n, l.StartOffset())
		}
		wantKeptOverEnds(t, opt, s, l.StartOffset(), 6)
	}
}

// wantKeptOverEnds sees that the log has these records after a kill, a loss of power, and a proper stop.
func wantKeptOverEnds(t *testing.T, opt Options, s *Store, from, to int64) {
	t.Helper()
	fs := opt.FS.(*disktest.FS)
	killed, unplugged := fs.Crash(disktest.Nothing, nil), fs.Crash(disktest.Unsynced, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for how, left := range map[string]*disktest.FS{"killed": killed, "unplugged": unplugged, "stopped": fs} {
		opt.FS = left
		_, again, _ := openNamed(t, opt, ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}, []string{"a"})
		if again[0].StartOffset() != from || again[0].EndOffset() != to {
			t.Errorf("%s: the log is from %d to %d, want %d to %d", how, again[0].StartOffset(), again[0].EndOffset(), from, to)
			continue
		}
		wantOffsets(t, offsets(t, again[0], 4000), from, to)
	}
}

// TestSegmentsWhoseFilesCouldNotBeRemovedAreRemovedByTheNextRetention fails each operation on the files of expired
// segments once.
func TestSegmentsWhoseFilesCouldNotBeRemovedAreRemovedByTheNextRetention(t *testing.T) {
	for n, more := int64(0), true; more; n++ {
		cfg := ports.LogConfig{SegmentBytes: 1, Delete: true, RetentionAge: time.Minute, RetentionBytes: -1}
		s, l, f := openMemory(t, cfg)
		for range 3 {
			put(t, l, f, 1000, time.UnixMilli(1000))
		}
		var done atomic.Int64
		fs := s.opt.FS.(*disktest.FS)
		fs.Fail(func(op disktest.Op, _ string) error {
			if op != disktest.OpRemove && op != disktest.OpRename || done.Add(1)-1 != n {
				return nil
			}
			return syscall.EIO
		})
		err := l.Retain(t.Context(), time.Now(), func() int64 { return 2 })
		if more = done.Load() > n; more == (err == nil) {
			t.Errorf("operation %d: %v", n, err)
		}
		fs.Fail(nil)
		if err := l.Retain(t.Context(), time.Now(), func() int64 { return 2 }); err != nil {
			t.Fatal(err)
		}
		names, err := fs.ReadDir(l.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			base, ok := parseSegmentName(strings.SplitAfter(name, ".")[0]+"x", ".x")
			if ok && base < l.StartOffset() && !strings.HasSuffix(name, deletedSuffix) {
				t.Errorf("operation %d: %s is left of a log that starts at %d", n, name, l.StartOffset())
			}
		}
	}
}

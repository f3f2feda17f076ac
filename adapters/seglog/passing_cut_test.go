package seglog

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestAnErrorThatPassesLeavesNoLogHalfTruncated fails each operation of a truncation once, for want of descriptors. The
// log is cut all the same, and is what it should be after any end; others append more meanwhile than the journal's
// files hold, so that these must be freed.
func TestAnErrorThatPassesLeavesNoLogHalfTruncated(t *testing.T) {
	for n, more := int64(0), true; more; n++ {
		fs := disktest.New()
		opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
		cfg := ports.LogConfig{SegmentBytes: 2000, RetentionAge: -1, RetentionBytes: -1}
		s, logs, witnesses := openNamed(t, opt, cfg, []string{"a", "b"})
		for range 5 {
			appendBatch(t, logs[0], 20)
		}
		witnesses[0].await(t, 100)
		var done atomic.Int64
		fs.Fail(func(op disktest.Op, path string) error {
			if op == disktest.OpSync || op == disktest.OpSyncDir || !strings.HasPrefix(path, "/data/a-0/") ||
				done.Add(1)-1 != n {
				return nil
			}
			t.Logf("operation %d: %s %s", n, op, filepath.Base(path))
			return syscall.EMFILE
		})
		if err := logs[0].Truncate(t.Context(), 50); err != nil {
			t.Errorf("operation %d: the log is cut: %v", n, err)
		}
		more = done.Load() > n
		fs.Fail(nil)
		wantOffsets(t, offsets(t, logs[0], 4000), 0, 40)
		witnesses[0].set(func() { witnesses[0].durable = 40 })
		appendBatch(t, logs[0], 20)
		witnesses[0].await(t, 60)
		for end := int64(20); end <= 6000; end += 20 {
			appendBatch(t, logs[1], 20)
			witnesses[1].await(t, end)
		}
		killed, unplugged := fs.Crash(disktest.Nothing, nil), fs.Crash(disktest.Unsynced, nil)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for _, left := range []*disktest.FS{fs, killed, unplugged} {
			opt.FS = left
			_, again, _ := openNamed(t, opt, cfg, []string{"a", "b"})
			wantOffsets(t, offsets(t, again[0], 4000), 0, 60)
			wantOffsets(t, offsets(t, again[1], 4000), 0, 6000)
		}
	}
}

// TestATruncationThatEndsBeforeItHasBegunHarmsNothing gives up waiting for descriptors.
func TestATruncationThatEndsBeforeItHasBegunHarmsNothing(t *testing.T) {
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	s, l, f := openIn(t, opt, testID)
	appendBatch(t, l, 20)
	f.await(t, 20)
	ctx, cancel := context.WithCancel(t.Context())
	fs.Fail(func(op disktest.Op, path string) error {
		if op != disktest.OpOpen || !strings.Contains(path, floorFile) {
			return nil
		}
		cancel()
		return syscall.EMFILE
	})
	if err := l.Truncate(ctx, 0); err == nil {
		t.Error("a truncation that has ended is none that was made")
	}
	fs.Fail(nil)
	appendBatch(t, l, 20)
	f.await(t, 40)
	left := fs.Crash(disktest.Unsynced, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opt.FS = left
	_, l, _ = openIn(t, opt, testID)
	wantOffsets(t, offsets(t, l, 4000), 0, 40)
}

// TestTheJournalDoesNotWaitForALogThatHasFailedByAnErrorThatPasses ends a reset while descriptors are short. The log is
// offline then, and the journal does not wait for it: others have more to append than its files hold.
func TestTheJournalDoesNotWaitForALogThatHasFailedByAnErrorThatPasses(t *testing.T) {
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
	s, logs, witnesses := openNamed(t, opt, cfg, []string{"a", "b"})
	for i, l := range logs {
		appendBatch(t, l, 20)
		witnesses[i].await(t, 20)
	}
	ctx, cancel := context.WithCancel(t.Context())
	fs.Fail(func(op disktest.Op, path string) error {
		if op != disktest.OpOpen || !strings.Contains(path, resetFile) {
			return nil
		}
		cancel()
		return syscall.EMFILE
	})
	if err := logs[0].ResetTo(ctx, 100); err == nil || logs[0].offlineError() == nil {
		t.Fatalf("the log is reset: %v", err)
	}
	fs.Fail(nil)
	for end := int64(40); end <= 6000; end += 20 {
		appendBatch(t, logs[1], 20)
		witnesses[1].await(t, end)
	}
	_ = s.Close() // says what has failed
	_, again, _ := openNamed(t, opt, cfg, []string{"a", "b"})
	wantOffsets(t, offsets(t, again[0], 4000), 0, 20)
	wantOffsets(t, offsets(t, again[1], 4000), 0, 6000)
}

// TestALogThatWaitsForSpaceToBeTruncatedKeepsNoOtherFromBeingCleaned has the quota used up. Retention, which makes
// space, goes from log to log meanwhile.
func TestALogThatWaitsForSpaceToBeTruncatedKeepsNoOtherFromBeingCleaned(t *testing.T) {
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	s, l, f := openIn(t, opt, testID)
	cfg := ports.LogConfig{Delete: true, Compact: true, RetentionBytes: 0, RetentionAge: -1}
	configure(l, cfg)
	appendBatch(t, l, 20)
	f.await(t, 20)
	waits := make(chan struct{}, 1)
	fs.Fail(func(op disktest.Op, path string) error {
		if op != disktest.OpWrite || !strings.Contains(path, epochFile) {
			return nil
		}
		select {
		case waits <- struct{}{}:
		default:
		}
		return syscall.EDQUOT
	})
	cut := make(chan error)
	go func() { cut <- l.Truncate(t.Context(), 0) }()
	<-waits
	all := func() int64 { return 20 }
	if err := l.Retain(t.Context(), time.Now(), all); !errors.Is(err, ports.ErrLogBusy) {
		t.Errorf("retention: %v", err)
	}
	if err := l.Compact(t.Context(), time.Now(), all); err != nil {
		t.Error(err)
	}
	fs.Fail(nil)
	if err := errors.Join(<-cut, s.Close()); err != nil {
		t.Error(err)
	}
}

// TestTheStartDoesNotRiseAboveWhereALogIsBeingTruncated deletes records while a truncation that is to remove them waits
// for descriptors.
func TestTheStartDoesNotRiseAboveWhereALogIsBeingTruncated(t *testing.T) {
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	_, l, f := openIn(t, opt, testID)
	for end := int64(20); end <= 60; end += 20 {
		appendBatch(t, l, 20)
		f.await(t, end)
	}
	waits := make(chan struct{}, 1)
	fs.Fail(func(op disktest.Op, path string) error {
		if op != disktest.OpOpen || !strings.Contains(path, floorFile) {
			return nil
		}
		select {
		case waits <- struct{}{}:
		default:
		}
		return syscall.EMFILE
	})
	cut := make(chan error)
	go func() { cut <- l.Truncate(t.Context(), 40) }()
	<-waits
	if err := l.AdvanceStart(t.Context(), 50); !errors.Is(err, fault.OffsetOutOfRange) {
		t.Errorf("what is being cut off is deleted: %v", err)
	}
	if err := l.AdvanceStart(t.Context(), 30); err != nil {
		t.Error(err)
	}
	fs.Fail(nil)
	if err := <-cut; err != nil {
		t.Fatal(err)
	}
	if start, end := l.StartOffset(), l.EndOffset(); start != 30 || end != 40 {
		t.Errorf("the log is from %d to %d, want 30 to 40", start, end)
	}
	f.set(func() { f.durable = 40 })
	appendBatch(t, l, 20)
	f.await(t, 60)
	if err := l.AdvanceStart(t.Context(), 60); err != nil {
		t.Errorf("after the cut: %v", err)
	}
}

// TestALogThatWasTruncatedIsJournaledAgainAtOnce cuts off what no journal has. What comes then needs no sync of its own
// once the config asks for the journal.
func TestALogThatWasTruncatedIsJournaledAgainAtOnce(t *testing.T) {
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	_, l, f := openIn(t, opt, testID)
	configure(l, ports.LogConfig{Flush: ports.FlushOS, FlushAge: -1, RetentionAge: -1, RetentionBytes: -1})
	for end := int64(20); end <= 60; end += 20 {
		appendBatch(t, l, 20)
		f.await(t, end)
	}
	if err := l.Truncate(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.durable = 20 })
	configure(l, ports.LogConfig{Flush: ports.FlushSync, FlushAge: -1, RetentionAge: -1, RetentionBytes: -1})
	var syncs atomic.Int64
	fs.Fail(func(op disktest.Op, path string) error {
		if op == disktest.OpSync && strings.HasSuffix(path, logSuffix) {
			syncs.Add(1)
		}
		return nil
	})
	appendBatch(t, l, 20)
	f.await(t, 40)
	if syncs.Load() > 0 {
		t.Errorf("the segment was synced %d times for an append that is in the journal", syncs.Load())
	}
}

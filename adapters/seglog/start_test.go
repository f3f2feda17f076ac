package seglog

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/ports"
)

// countStarts counts how often the checkpoint of the log start offsets is written.
func countStarts(fs *disktest.FS) (written func() int) {
	var mu sync.Mutex
	n := 0
	fs.Fail(func(op disktest.Op, path string) error {
		if op == disktest.OpRename && strings.HasSuffix(path, logStartFile+temporarySuffix) {
			mu.Lock()
			defer mu.Unlock()
			n++
		}
		return nil
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func TestRetentionOfManySegmentsWritesTheLogStartOnce(t *testing.T) {
	fs := disktest.New()
	s, err := Open(t.Context(), Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, f := openLog(t, s, ports.LogConfig{SegmentBytes: 1000, Delete: true, RetentionAge: -1, RetentionBytes: 1})
	for range 60 {
		appendBatch(t, l, 5)
	}
	f.await(t, 300)
	before := len(l.segments)
	written := countStarts(fs)
	if err := s.Clean(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := written(); len(l.segments) > 2 || before < 10 || n != 1 {
		t.Errorf("%d segments of %d are left, the log start was written %d times", len(l.segments), before, n)
	}
	wantOffsets(t, offsets(t, l, 4000), l.StartOffset(), 300)
}

func TestLogStartsThatRiseTogetherAreWrittenTogether(t *testing.T) {
	const logs = 40
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10}}
	s, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	id := func(i int) ports.LogID { return ports.LogID{Topic: "many", TopicID: [16]byte{1}, Partition: int32(i)} }
	cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
	var all []*Log
	for i := range logs {
		f := newWitness()
		l, err := s.Open(t.Context(), id(i), &cfg, f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l.(*Log))
		appendBatch(t, l.(*Log), 5)
		f.await(t, 5)
	}
	written := countStarts(fs)
	s.checkpoints.Lock() // as if one were being written
	var rising sync.WaitGroup
	for i, l := range all {
		rising.Go(func() {
			if err := l.AdvanceStart(t.Context(), int64(1+i%4)); err != nil {
				t.Error(err)
			}
		})
	}
	for raised := int64(0); raised < logs; runtime.Gosched() {
		s.mu.Lock()
		raised = s.startsRaised
		s.mu.Unlock()
	}
	s.checkpoints.Unlock()
	rising.Wait()
	if n := written(); n != 1 {
		t.Errorf("the log starts were written %d times", n)
	}
	fs.Fail(nil)
	left := fs.Crash(disktest.Unsynced, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opt.FS = left
	if s, err = Open(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range logs {
		l, err := s.Open(t.Context(), id(i), &cfg, newWitness())
		if err != nil || l.StartOffset() != int64(1+i%4) {
			t.Errorf("log %d starts at %d, %v", i, l.StartOffset(), err)
		}
	}
}

// TestARecoveryPointIsNotLoweredByAnOlderOne writes points in another order than they were taken in: compaction leaves gaps only below
// the point that it has written itself.
func TestARecoveryPointIsNotLoweredByAnOlderOne(t *testing.T) {
	s, l, f := openMemory(t, ports.LogConfig{RetentionAge: -1})
	onDisk := func() int64 {
		t.Helper()
		content, err := readFile(s.opt.FS, "/data/"+recoveryFile)
		if err != nil {
			t.Fatal(err)
		}
		points, err := parseOffsets(content)
		if err != nil {
			t.Fatal(err)
		}
		return points[l.name()]
	}
	put(t, l, f, 1000, time.UnixMilli(0))
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	older := syncedPoints([]*Log{l})
	put(t, l, f, 1000, time.UnixMilli(0))
	if err := l.checkpoint(); err != nil {
		t.Fatal(err)
	}
	if err := s.writePoints(older); err != nil {
		t.Fatal(err)
	}
	if got := onDisk(); got != 2 {
		t.Errorf("the recovery point went to %d", got)
	}
	older = map[*Log]int64{l: 2}
	if err := l.Truncate(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := s.writePoints(older); err != nil {
		t.Fatal(err)
	}
	if got := onDisk(); got > 1 {
		t.Errorf("the recovery point is %d, above the end of a truncated log", got)
	}
}

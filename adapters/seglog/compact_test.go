package seglog

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// eachCompacted is the config of a compacted log in which each batch is a segment.
var eachCompacted = ports.LogConfig{
	SegmentBytes:    1,
	Compact:         true,
	RetentionAge:    -1,
	RetentionBytes:  -1,
	DeleteRetention: time.Hour,
}

// appendRecord appends a batch of one record, with an empty value for a tombstone, and waits until it is durable.
func appendRecord(t *testing.T, l *Log, f *witness, epoch int32, producer int64, key, value string) {
	t.Helper()
	o := record.Options{BaseOffset: l.EndOffset(), LeaderEpoch: epoch}
	if producer >= 0 {
		o.Producer = &record.Producer{ID: producer, Sequence: int32(l.EndOffset())}
	}
	b := record.NewBuilder(o)
	if value == "" {
		b.Append(1000, []byte(key), nil)
	} else {
		b.Append(1000, []byte(key), []byte(value))
	}
	out, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append([]record.Batch{out}, nil, time.UnixMilli(1000)); err != nil {
		t.Fatal(err)
	}
	f.await(t, l.EndOffset())
}

// contentOf returns the log's records as key=value at their offsets, and an empty string for
// each batch without records.
func contentOf(t *testing.T, l *Log) map[int64]string {
	t.Helper()
	found := map[int64]string{}
	for from := l.StartOffset(); from < l.DurableEnd(); {
		s, err := l.Read(from, l.DurableEnd(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, s.Size)
		err = s.ReadInto(buf)
		s.Release()
		if err != nil {
			t.Fatal(err)
		}
		if len(buf) == 0 {
			break
		}
		for len(buf) > 0 {
			b, rest, err := record.Next(buf)
			if err == nil {
				err = b.VerifyCRC()
			}
			if err != nil {
				t.Fatal(err)
			}
			if b.Count() == 0 {
				found[b.BaseOffset()] = ""
			}
			for r, err := range b.Records(record.Limits{}) {
				if err != nil {
					t.Fatal(err)
				}
				found[b.BaseOffset()+int64(r.OffsetDelta)] = fmt.Sprintf("%s=%s", r.Key, r.Value)
			}
			from, buf = b.NextOffset(), rest
		}
	}
	return found
}

// A deposed leader has records that no other replica has. It is compacted, and then cut back to what is committed
// (KIP-101).
func TestCompactionLetsNothingUncommittedReplaceWhatIsCommitted(t *testing.T) {
	_, l, f := openMemory(t, eachCompacted)
	appendRecord(t, l, f, 0, 7, "replaced", "1")
	appendRecord(t, l, f, 0, 7, "replaced", "2")
	appendRecord(t, l, f, 0, 7, "value", "committed")
	appendRecord(t, l, f, 0, 8, "deleted", "committed")
	const committed = 4
	appendRecord(t, l, f, 0, 7, "value", "not committed")
	appendRecord(t, l, f, 0, 8, "deleted", "")
	appendRecord(t, l, f, 0, 7, "replaced", "3")
	for range 2 {
		if err := l.Compact(t.Context(), time.UnixMilli(2000), func() int64 { return committed }); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Truncate(t.Context(), committed); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.durable = committed })
	// the first batch begins an epoch
	want := map[int64]string{0: "", 1: "replaced=2", 2: "value=committed", 3: "deleted=committed"}
	if diff := cmp.Diff(want, contentOf(t, l)); diff != "" {
		t.Errorf("the log holds (-want +got):\n%s", diff)
	}
	last := map[int64]int64{}
	for p := range l.state.Snapshot() {
		last[p.ID] = p.Batches[len(p.Batches)-1].LastOffset
	}
	if diff := cmp.Diff(map[int64]int64{7: 2, 8: 3}, last); diff != "" {
		t.Errorf("the producers' last offsets (-want +got):\n%s", diff)
	}
}

// Where a leader epoch begins decides where logs are cut: a follower learns it from the batches that it fetches.
func TestCompactionKeepsWhereLeaderEpochsBegin(t *testing.T) {
	_, l, f := openMemory(t, eachCompacted)
	for _, epoch := range []int32{3, 3, 5, 5, 5, 8, 8, 8} {
		appendRecord(t, l, f, epoch, -1, "key", "value")
	}
	for range 2 {
		if err := l.Compact(t.Context(), time.UnixMilli(2000), l.DurableEnd); err != nil {
			t.Fatal(err)
		}
	}
	want := map[int64]string{0: "", 2: "", 5: "", 6: "key=value", 7: "key=value"} // the last one is in the active segment
	if diff := cmp.Diff(want, contentOf(t, l)); diff != "" {
		t.Errorf("the log holds (-want +got):\n%s", diff)
	}
}

// gate is a file system on which a compaction's first write waits until it is let through.
type gate struct {
	disk.FS
	once    sync.Once
	reached chan struct{}
	open    chan struct{}
	passed  atomic.Int64 // writes
}

type gatedFile struct {
	disk.File
	gate *gate
}

func (g *gate) Open(path string, create bool) (disk.File, error) {
	f, err := g.FS.Open(path, create)
	if err == nil && strings.HasSuffix(path, cleanedSuffix) {
		return gatedFile{f, g}, nil
	}
	return f, err
}

func (f gatedFile) WriteAt(p []byte, off int64) (int, error) {
	f.gate.once.Do(func() { close(f.gate.reached) })
	<-f.gate.open
	f.gate.passed.Add(1)
	return f.File.WriteAt(p, off)
}

// halted returns a log with ten records whose compaction has reached its first write, and where that ends.
func halted(t *testing.T) (*Store, *Log, *gate, <-chan error) {
	t.Helper()
	g := &gate{FS: disktest.New(), reached: make(chan struct{}), open: make(chan struct{})}
	s, err := Open(t.Context(), Options{Dir: "/data", FS: g, Journal: journal.Options{FileBytes: 32 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	cfg := eachCompacted
	cfg.Delete = true
	l, f := openLog(t, s, cfg)
	for i := range 10 {
		appendRecord(t, l, f, 0, -1, fmt.Sprintf("key-%d", i), "value")
	}
	cfg.SegmentBytes = 1 << 20
	configure(l, cfg) // all segments become one
	ended := make(chan error, 1)
	go func() { ended <- l.Compact(t.Context(), time.UnixMilli(2000), l.DurableEnd) }()
	<-g.reached
	return s, l, g, ended
}

func TestNothingWaitsForACompaction(t *testing.T) {
	for name, c := range map[string]struct {
		do         func(t *testing.T, l *Log) error
		start, end int64
		abandoned  bool
	}{
		"truncation": {do: func(t *testing.T, l *Log) error {
			return l.Truncate(t.Context(), 6)
		}, end: 6, abandoned: true},
		"reset": {do: func(t *testing.T, l *Log) error {
			return l.ResetTo(t.Context(), 40)
		}, start: 40, end: 40, abandoned: true},
		"deleted records": {do: func(t *testing.T, l *Log) error {
			return l.AdvanceStart(t.Context(), 4)
		}, start: 4, end: 10},
		"retention": {do: func(t *testing.T, l *Log) error {
			return errors.Join(l.AdvanceStart(t.Context(), 4), l.Retain(t.Context(), time.UnixMilli(2000), l.DurableEnd))
		}, start: 4, end: 10},
	} {
		t.Run(name, func(t *testing.T) {
			_, l, g, ended := halted(t)
			if err := c.do(t, l); err != nil {
				t.Fatal(err)
			}
			if l.StartOffset() != c.start || l.EndOffset() != c.end {
				t.Errorf("the log is from %d to %d", l.StartOffset(), l.EndOffset())
			}
			close(g.open)
			if err := <-ended; err != nil {
				t.Errorf("the compaction ends with %v", err)
			}
			if n := g.passed.Load(); c.abandoned && n > 1 {
				t.Errorf("the compaction has written %d batches more", n)
			}
			var want []int64
			for o := c.start; o < c.end; o++ {
				want = append(want, o)
			}
			if diff := cmp.Diff(want, offsets(t, l, 4000)); diff != "" {
				t.Errorf("offsets (-want +got):\n%s", diff)
			}
			files, err := g.ReadDir(l.dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range files {
				if strings.HasSuffix(name, cleanedSuffix) {
					t.Errorf("%s was left behind", name)
				}
			}
		})
	}
}

// A deletion has to wait until the compaction uses the log's name no more, for one batch.
func TestADeletedOrClosedLogEndsItsCompaction(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, s *Store) error{
		"deletion": func(t *testing.T, s *Store) error { return s.Delete(t.Context(), testID) },
		"close":    func(_ *testing.T, s *Store) error { return s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s, l, g, ended := halted(t)
			done := make(chan error, 1)
			go func() { done <- do(t, s) }()
			for !closing(l) {
				runtime.Gosched()
			}
			close(g.open)
			if err := errors.Join(<-ended, <-done); err != nil {
				t.Error(err)
			}
			if n := g.passed.Load(); n > 1 {
				t.Errorf("the compaction has written %d batches more", n)
			}
		})
	}
}

// closing reports whether the log accepts nothing any more.
func closing(l *Log) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offline != nil || l.shutting
}

// Damage must stay what readers notice: no damaged batch gets a good checksum, and none decides what of others stays.
func TestALogWithDamagedRecordsIsNotCompacted(t *testing.T) {
	for name, damage := range map[string]func(content []byte){
		"a value":             func(c []byte) { c[bytes.Index(c, []byte("precious"))] ^= 1 },
		"a key":               func(c []byte) { copy(c[bytes.Index(c, []byte("spare")):], "other") },
		"a producer":          func(c []byte) { c[50] ^= 1 },
		"a count":             func(c []byte) { c[60] ^= 1 },
		"where a batch ends":  func(c []byte) { c[11] ^= 4 },
		"what a batch is":     func(c []byte) { c[16] ^= 1 },
		"everything is zeros": func(c []byte) { clear(c) },
	} {
		for _, cleaned := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, compacted before %v", name, cleaned), func(t *testing.T) {
				s, l, f := openMemory(t, eachCompacted)
				compact := func() error { return l.Compact(t.Context(), time.UnixMilli(2000), l.DurableEnd) }
				appendRecord(t, l, f, 0, 1, "first", "1")
				appendRecord(t, l, f, 0, 1, "spare", "precious")
				appendRecord(t, l, f, 0, 1, "other", "1")
				if cleaned {
					if err := compact(); err != nil {
						t.Fatal(err)
					}
				}
				appendRecord(t, l, f, 0, 1, "other", "2")
				appendRecord(t, l, f, 0, 1, "first", "2")
				appendRecord(t, l, f, 0, 1, "last", "1")
				fs := s.opt.FS.(*disktest.FS)
				edit(t, fs, l.path(1, logSuffix), damage)
				before := files(t, fs, l)
				for range 2 {
					if err := compact(); !errors.Is(err, fault.CorruptMessage) {
						t.Errorf("Compact() = %v", err)
					}
				}
				if diff := cmp.Diff(before[1], files(t, fs, l)[1]); diff != "" {
					t.Errorf("the damaged segment was changed (-before +after):\n%s", diff)
				}
				// Retention goes on, and when the damage is gone, so does compaction.
				cfg := eachCompacted
				cfg.Delete = true
				configure(l, cfg)
				if err := l.AdvanceStart(t.Context(), 2); err != nil {
					t.Fatal(err)
				}
				if err := l.Retain(t.Context(), time.UnixMilli(2000), l.DurableEnd); err != nil {
					t.Fatal(err)
				}
				if err := compact(); err != nil {
					t.Fatal(err)
				}
				want := map[int64]string{2: "", 3: "other=2", 4: "first=2", 5: "last=1"}
				if diff := cmp.Diff(want, contentOf(t, l)); diff != "" {
					t.Errorf("the log holds (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// files returns the content of a log's segments by their base offsets.
func files(t *testing.T, fs disk.FS, l *Log) map[int64][]byte {
	t.Helper()
	found := map[int64][]byte{}
	for _, base := range bases(l) {
		content, err := readFile(fs, l.path(base, logSuffix))
		if err != nil {
			t.Fatal(err)
		}
		found[base] = content
	}
	return found
}

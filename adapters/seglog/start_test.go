package seglog

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/partition"
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
	if err := cleanAll(t.Context(), s, time.Now()); err != nil {
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
		l, err := s.Open(t.Context(), id(i), &cfg, new(partition.State), f)
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
		raised = s.starts.changed
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
		l, err := s.Open(t.Context(), id(i), &cfg, new(partition.State), newWitness())
		if err != nil || l.StartOffset() != int64(1+i%4) {
			t.Errorf("log %d starts at %d, %v", i, l.StartOffset(), err)
		}
	}
}

// pointsOnDisk returns what the checkpoint files say of a log.
func pointsOnDisk(t *testing.T, l *Log) points {
	t.Helper()
	read := func(name string) int64 {
		content, err := readFile(l.store.opt.FS, "/data/"+name)
		if err != nil {
			t.Fatal(err)
		}
		offsets, _, err := checkpoint.ParseOffsets(content)
		if err != nil {
			t.Fatal(err)
		}
		return offsets[l.name()]
	}
	return points{recovery: read(recoveryFile), index: read(indexFile)}
}

// A truncation lowers the points on disk before it cuts the files. What is written afterwards counts when it is synced.
func TestNoPointIsAboveWhatIsSynced(t *testing.T) {
	s, l, f := openMemory(t, ports.LogConfig{RetentionAge: -1})
	want := func(when string, want points) {
		t.Helper()
		if err := s.writeCheckpoints([]*Log{l}); err != nil {
			t.Fatal(err)
		}
		if got := pointsOnDisk(t, l); got != want {
			t.Errorf("%s the points are %+v, want %+v", when, got, want)
		}
	}
	put(t, l, f, 1000, time.UnixMilli(0))
	put(t, l, f, 1000, time.UnixMilli(0))
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	want("after a sync", points{recovery: 2})
	syncIndexes([]*Log{l})
	want("after the indexes were synced", points{recovery: 2, index: 2})
	if err := l.Truncate(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := pointsOnDisk(t, l); got.recovery > 1 || got.index > 0 {
		t.Errorf("after a truncation to 1 the points are %+v", got)
	}
	put(t, l, f, 1000, time.UnixMilli(0))
	if err := errors.Join(l.awaitCommitted(t.Context()), l.Sync()); err != nil {
		t.Fatal(err)
	}
	want("after another sync", points{recovery: 2})
	syncIndexes([]*Log{l})
	want("at the end", points{recovery: 2, index: 2})
}

// The indexes of many logs are synced with every fourth freeing of the journal. What the power's failure takes of them
// is rebuilt, as long as it is above the index point.
func TestIndexesThatWereNotSyncedAreRebuilt(t *testing.T) {
	s, l, f := openMemory(t, ports.LogConfig{RetentionAge: -1, IndexIntervalBytes: 1})
	fs := s.opt.FS.(*disktest.FS)
	syncs := 0
	fs.Fail(func(op disktest.Op, path string) error {
		if op == disktest.OpSync && strings.HasSuffix(path, indexSuffix) {
			syncs++
		}
		return nil
	})
	const each = 10
	for freed := 1; freed < indexEvery+2; freed++ {
		for range each {
			put(t, l, f, 1000, time.UnixMilli(int64(freed)))
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := s.freeing(); err != nil {
			t.Fatal(err)
		}
		if got, want := syncs, freed/indexEvery; got != want {
			t.Errorf("after %d times the indexes were synced %d times, want %d", freed, got, want)
		}
	}
	want := points{recovery: each * (indexEvery + 1), index: each * indexEvery}
	if got := pointsOnDisk(t, l); got != want {
		t.Errorf("the points are %+v, want %+v", got, want)
	}
	if err := l.active().flushIndexes(); err != nil {
		t.Fatal(err)
	}
	left := fs.Crash(disktest.Nothing, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// a page that was not written
	damage := func(content []byte) { clear(content[len(content)-2*indexEntry : len(content)-indexEntry]) }
	path := "/data/" + l.name().String() + "/" + segmentName(0, indexSuffix)
	edit(t, left, path, damage)
	again, err := Open(t.Context(), Options{Dir: "/data", FS: left, Journal: usualJournal})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	found, err := again.Open(t.Context(), l.id, l.config, new(partition.State), newWitness())
	if err != nil {
		t.Fatal(err)
	}
	wantOffsets(t, offsets(t, found.(*Log), 4000), 0, want.recovery)
	edit(t, left, path, func(content []byte) {
		for at := indexEntry; at < len(content); at += indexEntry {
			if bytes.Compare(content[at-indexEntry:at], content[at:at+indexEntry]) >= 0 {
				t.Errorf("mark %d does not follow the one before", at/indexEntry)
			}
		}
	})
}

// A log that is left to the operating system has marks that are not synced either.
func TestIndexesOfWhatIsNotSyncedAreNotSynced(t *testing.T) {
	s, l, f := openMemory(t, ports.LogConfig{RetentionAge: -1, IndexIntervalBytes: 1, Flush: ports.FlushOS, FlushAge: -1})
	if err := s.writeAllCheckpoints([]*Log{l}); err != nil {
		t.Fatal(err)
	}
	s.opt.FS.(*disktest.FS).Fail(func(op disktest.Op, path string) error {
		if op == disktest.OpSync && strings.HasSuffix(path, indexSuffix) {
			t.Errorf("%s is synced", path)
		}
		return nil
	})
	defer s.opt.FS.(*disktest.FS).Fail(nil) // a proper stop syncs all
	for range 10 {
		put(t, l, f, 1000, time.UnixMilli(0))
	}
	if err := s.writeAllCheckpoints([]*Log{l}); err != nil {
		t.Fatal(err)
	}
}

// edit changes a file.
func edit(t *testing.T, fs disk.FS, path string, change func(content []byte)) {
	t.Helper()
	content, err := readFile(fs, path)
	if err != nil {
		t.Fatal(err)
	}
	change(content)
	f, err := fs.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(content, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

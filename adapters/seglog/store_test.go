package seglog

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecordsAreReadBackOverSegmentsAndRestarts(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	cfg := ports.LogConfig{SegmentBytes: 8 << 10, RetentionAge: -1, RetentionBytes: -1}
	l, f := openLog(t, s, cfg)
	for range 200 {
		appendBatch(t, l, 5)
	}
	f.await(t, 1000)
	for _, max := range []int{1, 500, 5000, 1 << 20} {
		wantOffsets(t, offsets(t, l, max), 0, 1000)
	}
	for from := int64(0); from < 1000; from += 37 {
		slice, err := l.Read(from, 1000, 1)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, slice.Size)
		if err := slice.ReadInto(buf); err != nil {
			t.Fatal(err)
		}
		slice.Release()
		if b := record.Batch(buf); b.BaseOffset() > from || b.LastOffset() < from || b.Size() != len(b) {
			t.Fatalf("asked for %d, got the batch %d to %d", from, b.BaseOffset(), b.LastOffset())
		}
	}
	if len(l.segments) < 5 {
		t.Errorf("%d segments", len(l.segments))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	l, f = openLog(t, s, cfg)
	wantOffsets(t, offsets(t, l, 4000), 0, 1000)
	if n := l.state.Producers.Len(); n != 1 {
		t.Errorf("%d producers are known", n)
	}
	appendBatch(t, l, 5)
	f.await(t, 1005)
	wantOffsets(t, offsets(t, l, 4000), 0, 1005)
}

func TestDurableRecordsSurviveACrash(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	l, f := openLog(t, s, ports.LogConfig{SegmentBytes: 8 << 10, RetentionAge: -1, RetentionBytes: -1})
	for range 100 {
		appendBatch(t, l, 5)
	}
	f.await(t, 500)
	// A crash that loses everything which was not synced: the segments are emptied, the journal stays.
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(crashed, "orders-0", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range logs {
		if i == 0 {
			err = os.Truncate(path, 100)
		} else {
			err = os.Truncate(path, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	again := openStore(t, crashed)
	l, f = openLog(t, again, ports.LogConfig{RetentionAge: -1, RetentionBytes: -1})
	wantOffsets(t, offsets(t, l, 4000), 0, 500)
	appendBatch(t, l, 5)
	f.await(t, 505)
}

func TestRetentionAndDeleteRecords(t *testing.T) {
	s := openStore(t, t.TempDir())
	cfg := ports.LogConfig{SegmentBytes: 4 << 10, RetentionAge: -1, RetentionBytes: -1, Delete: true}
	l, f := openLog(t, s, cfg)
	for range 100 {
		appendBatch(t, l, 5)
	}
	f.await(t, 500)
	if err := l.AdvanceStart(t.Context(), 123); err != nil {
		t.Fatal(err)
	}
	before := len(l.segments)
	if err := cleanAll(t.Context(), s, time.Now()); err != nil {
		t.Fatal(err)
	}
	if l.StartOffset() != 123 || len(l.segments) >= before || l.segments[0].base > 123 {
		t.Errorf("start %d, %d segments of %d, the first at %d", l.StartOffset(), len(l.segments), before, l.segments[0].base)
	}
	wantOffsets(t, offsets(t, l, 4000), 123, 500)

	cfg.RetentionBytes = 10 << 10
	configure(l, cfg)
	if err := cleanAll(t.Context(), s, time.Now()); err != nil {
		t.Fatal(err)
	}
	if l.Size() > 15<<10 || f.start != l.StartOffset() {
		t.Errorf("%d bytes are left, start %d, announced %d", l.Size(), l.StartOffset(), f.start)
	}
	wantOffsets(t, offsets(t, l, 4000), l.StartOffset(), 500)

	cfg.RetentionAge = time.Hour
	configure(l, cfg)
	if err := cleanAll(t.Context(), s, time.Now().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if l.StartOffset() != 500 || l.Size() != 0 {
		t.Errorf("all have expired, and the log starts at %d with %d bytes", l.StartOffset(), l.Size())
	}
	appendBatch(t, l, 5)
	f.await(t, 505)
	wantOffsets(t, offsets(t, l, 4000), 500, 505)
}

func TestCompactionKeepsTheNewestOfEachKey(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	cfg := ports.LogConfig{
		SegmentBytes:    4 << 10,
		RetentionAge:    -1,
		RetentionBytes:  -1,
		Compact:         true,
		DeleteRetention: time.Hour,
	}
	l, f := openLog(t, s, cfg)
	for range 100 {
		appendBatch(t, l, 5)
	}
	f.await(t, 500)
	before := l.Size()
	if err := cleanAll(t.Context(), s, time.Now()); err != nil {
		t.Fatal(err)
	}
	got := offsets(t, l, 4000)
	if l.Size() > before/3 || got[len(got)-1] != 499 {
		t.Errorf("%d bytes of %d, last offset %d", l.Size(), before, got[len(got)-1])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l, f = openLog(t, openStore(t, dir), cfg)
	if after := offsets(t, l, 4000); len(after) != len(got) {
		t.Errorf("%d records after a restart, %d before", len(after), len(got))
	}
	appendBatch(t, l, 5)
	f.await(t, 505)
}

func TestADeletedLogIsGoneAndItsNameIsFree(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	l, f := openLog(t, s, ports.LogConfig{})
	appendBatch(t, l, 5)
	f.await(t, 5)
	if err := s.Delete(t.Context(), testID); err != nil {
		t.Fatal(err)
	}
	if err := l.Append([]record.Batch{batch(t, l, 1, 0)}, nil, time.Now()); err == nil {
		t.Error("a deleted log takes records")
	}
	if ids, err := s.Stored(); err != nil || len(ids) != 0 {
		t.Errorf("stored %v, %v", ids, err)
	}
	l, _ = openLog(t, s, ports.LogConfig{})
	if l.EndOffset() != 0 {
		t.Errorf("the new log begins at %d", l.EndOffset())
	}
}

func TestOffsetsAreFoundByTimestamp(t *testing.T) {
	s := openStore(t, t.TempDir())
	l, f := openLog(t, s, ports.LogConfig{SegmentBytes: 4 << 10, RetentionAge: -1, RetentionBytes: -1})
	for i := range 100 {
		if err := l.Append([]record.Batch{batch(t, l, 5, int64(1000+10*i))}, nil, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	f.await(t, 500)
	for _, c := range []struct{ ms, offset, timestamp int64 }{
		{0, 0, 1000}, {1000, 0, 1000}, {1001, 5, 1010}, {1500, 250, 1500}, {1990, 495, 1990},
	} {
		at, ok, err := l.OffsetForTimestamp(c.ms, 500)
		if err != nil || !ok || at.Offset != c.offset || at.Timestamp != c.timestamp {
			t.Errorf("at %d: %+v, %t, %v, want offset %d", c.ms, at, ok, err, c.offset)
		}
	}
	if at, ok, err := l.OffsetForTimestamp(1991, 500); ok || err != nil {
		t.Errorf("behind the end: %+v, %v", at, err)
	}
	if at, ok, err := l.MaxTimestamp(500); !ok || err != nil || at.Timestamp != 1990 || at.Offset != 495 {
		t.Errorf("largest: %+v, %t, %v", at, ok, err)
	}
}

func TestTruncate(t *testing.T) {
	s := openStore(t, t.TempDir())
	l, f := openLog(t, s, ports.LogConfig{SegmentBytes: 4 << 10, RetentionAge: -1, RetentionBytes: -1})
	for range 100 {
		appendBatch(t, l, 5)
	}
	f.await(t, 500)
	if err := l.Truncate(t.Context(), 222); err != nil {
		t.Fatal(err)
	}
	if l.EndOffset() != 220 || l.DurableEnd() != 220 {
		t.Errorf("the log ends at %d, durable %d, want the batch boundary 220", l.EndOffset(), l.DurableEnd())
	}
	wantOffsets(t, offsets(t, l, 4000), 0, 220)
	appendBatch(t, l, 5)
	f.durable = 0
	f.await(t, 225)
	wantOffsets(t, offsets(t, l, 4000), 0, 225)
}

func TestTheLeaderEpochsAreStoredWithTheBatchThatBeginsOne(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	l, f := openLog(t, s, ports.LogConfig{})
	if err := l.Append(
		[]record.Batch{batch(t, l, 5, 0)}, []partition.EpochStart{{Epoch: 0, Start: 0}}, time.Now(),
	); err != nil {
		t.Fatal(err)
	}
	f.await(t, 5)
	content, err := os.ReadFile(filepath.Join(dir, "orders-0", epochFile))
	if err != nil || string(content) != "0\n1\n0 0\n" {
		t.Errorf("the checkpoint holds %q, %v", content, err)
	}
}

// The checkpoint is written before the batches that it is for, which a loss of power may take away.
func TestALeaderEpochWhoseRecordsAreLostDoesNotComeBack(t *testing.T) {
	dir := t.TempDir()
	ahead := []partition.EpochStart{{Epoch: 0, Start: 0}, {Epoch: 2, Start: 8}}
	for run, begun := range [][]partition.EpochStart{ahead, nil, nil} {
		s := openStore(t, dir)
		state, f := new(partition.State), newWitness()
		opened, err := s.Open(t.Context(), testID, &ports.LogConfig{}, state, f)
		if err != nil {
			t.Fatal(err)
		}
		if found := state.TakeEpochs(); run > 0 && !slices.Equal(found, ahead[:1]) {
			t.Errorf("run %d: leader epochs %v, want %v", run, found, ahead[:1])
		}
		l := opened.(*Log)
		if err := l.Append([]record.Batch{batch(t, l, 5, 0)}, begun, time.Now()); err != nil {
			t.Fatal(err)
		}
		f.await(t, l.EndOffset())
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALogWithoutTrafficTakesLittleMemory(t *testing.T) {
	if size := unsafe.Sizeof(Log{}); size > 512 { // a size class of the allocator
		t.Errorf("a log takes %d bytes", size)
	}
	if size := unsafe.Sizeof(segment{}); size > 144 {
		t.Errorf("a segment takes %d bytes", size)
	}
}

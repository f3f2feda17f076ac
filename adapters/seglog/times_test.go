package seglog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// openMemory opens a log on a disk in memory.
func openMemory(t *testing.T, cfg ports.LogConfig) (*Store, *Log, *witness) {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: "/data", FS: disktest.New(), Journal: journal.Options{FileBytes: 32 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	cfg.RetentionBytes = -1
	l, f := openLog(t, s, cfg)
	return s, l, f
}

// put appends a batch of one record with a timestamp, at a time of the clock, and waits until it is durable.
func put(t *testing.T, l *Log, f *witness, ms int64, now time.Time) {
	t.Helper()
	if err := l.Append([]record.Batch{batch(t, l, 1, ms)}, nil, now); err != nil {
		t.Fatal(err)
	}
	f.await(t, l.EndOffset())
}

// bases returns where the log's segments begin.
func bases(l *Log) []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []int64
	for _, s := range l.segments {
		all = append(all, s.base)
	}
	return all
}

func TestASegmentEndsWhenItIsTooOld(t *testing.T) {
	minute := time.Minute.Milliseconds()
	for _, c := range []struct {
		name  string
		times []int64 // of the records; -1 for those without
		clock []int64
		want  []int64
	}{
		{
			"by the records' time, whatever the clock says",
			[]int64{0, minute, minute + 1, minute + 2, 2*minute + 1, 2*minute + 2},
			make([]int64, 6),
			[]int64{0, 2, 5},
		},
		{"older records end no segment", []int64{5 * minute, 0, 5 * minute}, make([]int64, 3), []int64{0}},
		{
			"by the clock where records have no time",
			[]int64{-1, -1, -1, -1},
			[]int64{0, minute, minute + 1, minute + 2},
			[]int64{0, 2},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, l, f := openMemory(t, ports.LogConfig{SegmentAge: time.Minute, RetentionAge: -1})
			for i, ms := range c.times {
				put(t, l, f, ms, time.UnixMilli(c.clock[i]))
			}
			if diff := cmp.Diff(c.want, bases(l)); diff != "" {
				t.Errorf("segments begin at (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheAgeOfASegmentCountsFromItsFirstRecordOverARestart(t *testing.T) {
	dir := t.TempDir()
	cfg := ports.LogConfig{SegmentAge: time.Minute, RetentionAge: -1, RetentionBytes: -1}
	s := openStore(t, dir)
	l, f := openLog(t, s, cfg)
	put(t, l, f, 1000, time.UnixMilli(0))
	put(t, l, f, 50_000, time.UnixMilli(0))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l, f = openLog(t, openStore(t, dir), cfg)
	put(t, l, f, 61_000, time.UnixMilli(0))
	put(t, l, f, 61_001, time.UnixMilli(0))
	if diff := cmp.Diff([]int64{0, 3}, bases(l)); diff != "" {
		t.Errorf("segments begin at (-want +got):\n%s", diff)
	}
}

func TestJitterEndsSegmentsEarlierAndNotAllAtOneAge(t *testing.T) {
	_, l, f := openMemory(t, ports.LogConfig{SegmentAge: time.Minute, SegmentJitter: 30 * time.Second, RetentionAge: -1})
	const step = 1000
	for i := range int64(1000) {
		if err := l.Append([]record.Batch{batch(t, l, 1, i*step)}, nil, time.UnixMilli(0)); err != nil {
			t.Fatal(err)
		}
	}
	f.await(t, 1000)
	ages, begin := map[int64]bool{}, bases(l)
	for i, base := range begin[1:] {
		age := (base - begin[i]) * step
		ages[age] = true
		if age <= 30_000 || age > 61_000 {
			t.Errorf("the segment of %d ended at an age of %d ms", begin[i], age)
		}
	}
	if len(ages) < 3 {
		t.Errorf("%d segments ended at ages %v", len(begin)-1, ages)
	}
}

func TestASegmentEndsWhenItsIndexIsFull(t *testing.T) {
	_, l, f := openMemory(t, ports.LogConfig{IndexIntervalBytes: 1, IndexBytes: 3 * indexEntry, RetentionAge: -1})
	for range 20 {
		put(t, l, f, 1000, time.UnixMilli(0))
	}
	l.mu.Lock()
	for _, s := range l.segments {
		if n := s.index.marks(); n > 3 || s.size == 0 {
			t.Errorf("the segment of %d has %d index entries and %d bytes", s.base, n, s.size)
		}
	}
	l.mu.Unlock()
	if n := len(bases(l)); n < 5 || n > 7 { // the first batch of a segment is not marked
		t.Errorf("%d segments", n)
	}
	wantOffsets(t, offsets(t, l, 4000), 0, 20)
}

// TestRetentionByTimeStopsAtTheFirstYoungSegment deletes segments whose newest record is too
// old, from the first one on.
func TestRetentionByTimeStopsAtTheFirstYoungSegment(t *testing.T) {
	s, l, f := openMemory(t, ports.LogConfig{SegmentBytes: 1, Delete: true, RetentionAge: time.Minute})
	for _, ms := range []int64{1000, 2000, 90_000, 3000, 95_000} { // a segment each
		put(t, l, f, ms, time.UnixMilli(0))
	}
	for _, c := range []struct{ now, start int64 }{
		{61_000, 0}, {61_001, 1}, {62_000, 1}, {62_001, 2}, {150_000, 2}, {150_001, 4}, {155_000, 4}, {155_001, 5},
	} {
		if err := cleanAll(t.Context(), s, time.UnixMilli(c.now)); err != nil {
			t.Fatal(err)
		}
		if l.StartOffset() != c.start || f.start != c.start || bases(l)[0] != c.start {
			t.Errorf(
				"at %d the log starts at %d, announced %d, its segments at %v, want %d", c.now, l.StartOffset(), f.start, bases(l),
				c.start,
			)
		}
		wantOffsets(t, offsets(t, l, 4000), c.start, 5)
	}
}

func TestCompactionWaitsForTheLagAndTheRatio(t *testing.T) {
	const none = -1
	hour := time.Hour
	for _, c := range []struct {
		name    string
		cfg     ports.LogConfig
		times   []int64 // minutes, of one segment each; the last one is active
		cleaned int64   // up to where was compacted before
		now     int64   // minutes
		want    int64   // up to where is compacted, none for not at all
	}{
		{"all but the active segment", ports.LogConfig{}, []int64{1, 2, 3, 4}, 0, 5, 3},
		{"what is too young stays", ports.LogConfig{MinCompactionLag: hour}, []int64{1, 2, 10, 11}, 0, 65, 2},
		{"nothing is old enough", ports.LogConfig{MinCompactionLag: hour}, []int64{1, 2, 10, 11}, 0, 60, none},
		{
			"what is behind something young stays, too",
			ports.LogConfig{MinCompactionLag: hour},
			[]int64{1, 30, 2, 31},
			0,
			65,
			1,
		},
		{"too little is dirty", ports.LogConfig{MinCleanableRatio: 0.5}, []int64{1, 2, 3, 4, 5}, 3, 9, none},
		{"enough is dirty", ports.LogConfig{MinCleanableRatio: 0.5}, []int64{1, 2, 3, 4, 5}, 2, 9, 4},
		{
			"too little is dirty, and not old enough",
			ports.LogConfig{MinCleanableRatio: 0.5, MaxCompactionLag: hour},
			[]int64{1, 2, 3, 4, 5},
			3,
			64,
			none,
		},
		{
			"too little is dirty, but too old",
			ports.LogConfig{MinCleanableRatio: 0.5, MaxCompactionLag: hour},
			[]int64{1, 2, 3, 4, 5},
			3,
			65,
			4,
		},
		{
			"old, but clean",
			ports.LogConfig{MinCleanableRatio: 0.5, MaxCompactionLag: hour},
			[]int64{1, 2, 3, 4, 5},
			4,
			65,
			none,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.SegmentBytes, c.cfg.Compact, c.cfg.RetentionAge, c.cfg.DeleteRetention = 1, true, -1, hour
			s, l, f := openMemory(t, c.cfg)
			for _, m := range c.times {
				put(t, l, f, time.Duration(m*int64(time.Minute)).Milliseconds(), time.UnixMilli(0))
			}
			if err := s.writeCleaned(l, c.cleaned); err != nil {
				t.Fatal(err)
			}
			if err := cleanAll(t.Context(), s, time.UnixMilli(0).Add(time.Duration(c.now)*time.Minute)); err != nil {
				t.Fatal(err)
			}
			want := c.want
			if want == none {
				want = c.cleaned
			}
			if got := s.cleanedTo(l.name()); got != want {
				t.Errorf("compacted up to %d, want %d", got, want)
			}
		})
	}
}

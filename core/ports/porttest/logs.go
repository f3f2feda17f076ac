package porttest

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// LogStore checks the contract of ports.LogStore and of its logs, except what concerns crashes. open returns the store
// in a directory, which is empty or that of a store that was closed. The suite closes it.
func LogStore(t *testing.T, open func(t *testing.T, dir string) ports.LogStore) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *openedLog){
		"a new log is empty":                           newLogIsEmpty,
		"what is appended becomes durable, in order":   appendedIsDurable,
		"Read returns whole batches within bounds":     readIsBounded,
		"the log start offset only rises":              startRises,
		"records are found by their timestamps":        foundByTimestamp,
		"every batch is brought into the state":        stateFollows,
		"the state is restored when a log is opened":   stateIsRestored,
		"what is truncated was never there":            truncated,
		"a truncation below the start changes nothing": truncatedBelowStart,
		"retention leaves what is not committed":       retained,
		"compaction leaves what is not committed":      compacted,
		"a deleted log gives its bytes back, once":     deletedReleases,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			l := openLog(t, s, "orders")
			l.again = func() ports.LogStore { return open(t, dir) }
			test(t, l)
			if err := s.Err(); err != nil {
				t.Errorf("the store has failed: %v", err)
			}
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				t.Errorf("Close(), twice: %v", err)
			}
		})
	}
}

// openLog opens the log of a topic's one partition.
func openLog(t *testing.T, s ports.LogStore, topic string) *openedLog {
	t.Helper()
	l := &openedLog{store: s, id: ports.LogID{Topic: topic, TopicID: topicID(topic)}, changed: make(chan struct{}, 1)}
	log, err := s.Open(t.Context(), l.id, &ports.LogConfig{SegmentBytes: 1 << 20}, &l.state, l)
	if err != nil {
		t.Fatal(err)
	}
	l.Log = log
	return l
}

// openedLog is a log with the events that it has reported.
type openedLog struct {
	ports.Log
	state   partition.State
	epochs  partition.Epochs
	store   ports.LogStore
	again   func() ports.LogStore // opens the store again
	id      ports.LogID
	changed chan struct{}

	mu      sync.Mutex
	durable []int64 // as reported
	start   int64
	offline error
	// Bytes that the log is using, in order, and whether it has said that it needs none any more.
	lent     []lent
	released int
}

// lent is a batch that belongs to the log until end is durable or it has released everything.
type lent struct {
	end   int64
	bytes record.Batch
}

func (l *openedLog) tell(change func()) {
	l.mu.Lock()
	change()
	l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Durable implements ports.LogEvents. The bytes of what is durable belong to the test again. It overwrites them, as a
// later request would.
func (l *openedLog) Durable(end int64) {
	l.tell(func() {
		l.durable = append(l.durable, end)
		l.reuse(end)
	})
}

// Released implements ports.LogEvents.
func (l *openedLog) Released() {
	l.tell(func() {
		l.released++
		l.reuse(math.MaxInt64)
	})
}

// reuse overwrites bytes that belong to the test again. The caller holds the lock.
func (l *openedLog) reuse(end int64) {
	for len(l.lent) > 0 && l.lent[0].end <= end {
		for i := range l.lent[0].bytes {
			l.lent[0].bytes[i] = 0xaa
		}
		l.lent = l.lent[1:]
	}
}

// Offline implements ports.LogEvents.
func (l *openedLog) Offline(err error) { l.tell(func() { l.offline = err }) }

// Start implements ports.LogEvents.
func (l *openedLog) Start(start int64) { l.tell(func() { l.start = start }) }

// until waits until the events of the log fulfil the condition.
func (l *openedLog) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.After(20 * time.Second); ; {
		l.mu.Lock()
		ok, offline := holds(), l.offline
		l.mu.Unlock()
		switch {
		case offline != nil:
			t.Fatalf("the log went offline: %v", offline)
		case ok:
			return
		}
		select {
		case <-l.changed:
		case <-deadline:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// add appends a batch with one record for each timestamp, waits until it is durable and returns a copy.
func (l *openedLog) add(t *testing.T, epoch int32, timestamps ...int64) record.Batch {
	t.Helper()
	want, err := l.append(t, epoch, timestamps...)
	if err != nil {
		t.Fatal(err)
	}
	end := want.NextOffset()
	l.until(t, "the batch is durable", func() bool { return len(l.durable) > 0 && l.durable[len(l.durable)-1] >= end })
	return want
}

// append appends a batch with one record for each timestamp, and returns a copy: the batch itself is overwritten as
// soon as the log does not need it any more.
func (l *openedLog) append(t *testing.T, epoch int32, timestamps ...int64) (record.Batch, error) {
	t.Helper()
	base := l.EndOffset()
	b := record.NewBuilder(record.Options{BaseOffset: base, Producer: &record.Producer{ID: 7, Sequence: int32(base)}})
	for _, ms := range timestamps {
		b.Append(ms, []byte("key"), []byte("value"))
	}
	batch, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	batch.SetLeaderEpoch(epoch)
	want := slices.Clone(batch)
	l.mu.Lock()
	l.lent = append(l.lent, lent{want.NextOffset(), batch})
	l.mu.Unlock()
	var begun []partition.EpochStart
	if latest, known := l.epochs.Latest(); !known || latest != epoch {
		l.epochs.Assign(epoch, base)
		begun = l.epochs.Entries()
	}
	return want, l.Append([]record.Batch{batch}, begun, time.Now())
}

// read returns the bytes of a Read.
func (l *openedLog) read(t *testing.T, from, upTo int64, maxBytes int) []byte {
	t.Helper()
	s, err := l.Read(from, upTo, maxBytes)
	if err != nil {
		t.Fatalf("Read(%d, %d, %d) = %v", from, upTo, maxBytes, err)
	}
	defer s.Release()
	buf := make([]byte, s.Size)
	if err := s.ReadInto(buf); err != nil {
		t.Fatal(err)
	}
	return buf
}

// offsets checks the log's offsets.
func (l *openedLog) offsets(t *testing.T, start, end int64) {
	t.Helper()
	if l.StartOffset() != start || l.EndOffset() != end || l.DurableEnd() != end {
		t.Errorf("the log is from %d to %d, durable to %d; want %d to %d", l.StartOffset(), l.EndOffset(), l.DurableEnd(),
			start, end)
	}
}

func newLogIsEmpty(t *testing.T, l *openedLog) {
	l.offsets(t, 0, 0)
	if got := l.read(t, 0, 0, 1<<20); len(got) > 0 || l.Size() != 0 {
		t.Errorf("%d bytes are read, the size is %d", len(got), l.Size())
	}
	if _, ok, err := l.OffsetForTimestamp(0, 0); ok || err != nil {
		t.Errorf("OffsetForTimestamp() = %t, %v", ok, err)
	}
	if _, ok, err := l.MaxTimestamp(0); ok || err != nil {
		t.Errorf("MaxTimestamp() = %t, %v", ok, err)
	}
}

func appendedIsDurable(t *testing.T, l *openedLog) {
	var want []byte
	for range 20 {
		want = append(want, l.add(t, 0, 1, 2, 3)...)
	}
	l.offsets(t, 0, 60)
	if !slices.IsSorted(l.durable) {
		t.Errorf("durable ends were announced as %v", l.durable)
	}
	if got := l.read(t, 0, 60, 1<<20); !bytes.Equal(got, want) || l.Size() != int64(len(want)) {
		t.Errorf("%d bytes are read and %d are the size, want the %d that were appended", len(got), l.Size(), len(want))
	}
}

func readIsBounded(t *testing.T, l *openedLog) {
	first, second := l.add(t, 0, 1, 2, 3), l.add(t, 0, 4, 5)
	both := slices.Concat(first, second)
	for _, c := range []struct {
		from, upTo int64
		maxBytes   int
		want       []byte
	}{
		{0, 5, len(both), both},
		{0, 5, len(both) - 1, first},
		{0, 5, 1, first}, // KIP-74
		{1, 5, len(both), both},
		{3, 5, 1 << 20, second},
		{0, 4, 1 << 20, first},
		{0, 2, 1 << 20, nil},
		{5, 5, 1 << 20, nil},
	} {
		if got := l.read(t, c.from, c.upTo, c.maxBytes); !bytes.Equal(got, c.want) {
			t.Errorf("Read(%d, %d, %d) returns %d bytes, want %d", c.from, c.upTo, c.maxBytes, len(got), len(c.want))
		}
	}
	for _, from := range []int64{-1, 6} {
		if _, err := l.Read(from, 10, 1<<20); !errors.Is(err, fault.OffsetOutOfRange) {
			t.Errorf("Read(%d) = %v, want OffsetOutOfRange", from, err)
		}
	}
}

func startRises(t *testing.T, l *openedLog) {
	l.add(t, 0, 1, 2, 3)
	l.add(t, 0, 4, 5, 6)
	for _, step := range []struct{ to, want int64 }{{3, 3}, {1, 3}, {6, 6}} {
		if err := l.AdvanceStart(t.Context(), step.to); err != nil {
			t.Fatal(err)
		}
		l.until(t, "the start is reported", func() bool { return l.start == step.want })
		l.offsets(t, step.want, 6)
	}
	if err := l.AdvanceStart(t.Context(), 7); !errors.Is(err, fault.OffsetOutOfRange) {
		t.Errorf("AdvanceStart() above the end = %v", err)
	}
	if _, err := l.Read(2, 6, 1<<20); !errors.Is(err, fault.OffsetOutOfRange) {
		t.Errorf("Read() below the start = %v", err)
	}
}

func foundByTimestamp(t *testing.T, l *openedLog) {
	l.add(t, 0, 10, 30, 20)
	l.add(t, 4, 40, 50, 50)
	at := func(offset, ms int64, epoch int32) *ports.TimestampOffset {
		return &ports.TimestampOffset{Offset: offset, Timestamp: ms, LeaderEpoch: epoch}
	}
	found := func(got ports.TimestampOffset, ok bool, err error) *ports.TimestampOffset {
		if err != nil {
			t.Error(err)
		}
		if !ok {
			return nil
		}
		return &got
	}
	for _, c := range []struct {
		ms, upTo int64
		want     *ports.TimestampOffset
	}{
		{0, 6, at(0, 10, 0)},
		{11, 6, at(1, 30, 0)},
		{31, 6, at(3, 40, 4)},
		{45, 6, at(4, 50, 4)},
		{51, 6, nil},
		{31, 3, nil},
	} {
		if diff := cmp.Diff(c.want, found(l.OffsetForTimestamp(c.ms, c.upTo))); diff != "" {
			t.Errorf("OffsetForTimestamp(%d, %d) (-want +got):\n%s", c.ms, c.upTo, diff)
		}
	}
	if diff := cmp.Diff(at(4, 50, 4), found(l.MaxTimestamp(6))); diff != "" {
		t.Errorf("MaxTimestamp(6) (-want +got):\n%s", diff)
	}
}

// producerEnds checks the last offset of each producer in the log's state.
func (l *openedLog) producerEnds(t *testing.T, want map[int64]int64) {
	t.Helper()
	got := map[int64]int64{}
	for p := range l.state.Snapshot() {
		got[p.ID] = p.Batches[len(p.Batches)-1].LastOffset
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("producers and their last offsets (-want +got):\n%s", diff)
	}
}

func stateFollows(t *testing.T, l *openedLog) {
	l.producerEnds(t, map[int64]int64{})
	l.add(t, 1, 1, 2)
	l.add(t, 3, 3)
	l.producerEnds(t, map[int64]int64{7: 2})
	if err := l.ResetTo(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	l.offsets(t, 10, 10)
	l.producerEnds(t, map[int64]int64{})
	l = l.reopened(t)
	l.offsets(t, 10, 10)
	l.found(t)
}

// reopened closes the store and opens it again, with its log.
func (l *openedLog) reopened(t *testing.T) *openedLog {
	t.Helper()
	if err := l.store.Close(); err != nil {
		t.Fatal(err)
	}
	s := l.again()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return openLog(t, s, l.id.Topic)
}

// found checks the leader epochs that a log has found when it was opened.
func (l *openedLog) found(t *testing.T, want ...partition.EpochStart) {
	t.Helper()
	if got := l.state.TakeEpochs(); !slices.Equal(got, want) {
		t.Errorf("leader epochs %v, want %v", got, want)
	}
}

func stateIsRestored(t *testing.T, l *openedLog) {
	l.found(t)
	l.add(t, 1, 1, 2)
	l.Configure(&ports.LogConfig{SegmentBytes: 1}) // each batch is a segment of its own
	l.add(t, 1, 3)
	l.add(t, 3, 4)
	l.add(t, 3, 5, 6)
	l = l.reopened(t)
	l.offsets(t, 0, 6)
	l.producerEnds(t, map[int64]int64{7: 5})
	l.found(t, partition.EpochStart{Epoch: 1, Start: 0}, partition.EpochStart{Epoch: 3, Start: 3})
}

func truncated(t *testing.T, l *openedLog) {
	first := l.add(t, 1, 1, 2)
	l.add(t, 3, 3)
	if err := l.Truncate(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	l.offsets(t, 0, 2)
	if got := l.read(t, 0, 2, 1<<20); !bytes.Equal(got, first) {
		t.Errorf("%d bytes are left, want the %d of the first batch", len(got), len(first))
	}
	l.producerEnds(t, map[int64]int64{7: 1})
	l = l.reopened(t)
	l.producerEnds(t, map[int64]int64{7: 1})
	l.found(t, partition.EpochStart{Epoch: 1, Start: 0})
	if err := l.Truncate(t.Context(), 1); err != nil { // a batch is removed as a whole
		t.Fatal(err)
	}
	l.offsets(t, 0, 0)
	l.producerEnds(t, map[int64]int64{})
}

// deletedReleases deletes a log with appends that are not durable yet, while another log goes on.
func deletedReleases(t *testing.T, l *openedLog) {
	other := openLog(t, l.store, "invoices")
	var want []byte
	for range 100 {
		if _, err := l.append(t, 0, 1, 2, 3); err != nil {
			t.Fatal(err)
		}
		b, err := other.append(t, 0, 4, 5)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, b...)
	}
	if err := l.store.Delete(t.Context(), l.id); err != nil {
		t.Fatal(err)
	}
	l.until(t, "the bytes are released", func() bool { return l.released > 0 })
	l.mu.Lock()
	told := len(l.durable)
	l.mu.Unlock()
	if _, err := l.append(t, 0, 6); !errors.Is(err, fault.KafkaStorageError) {
		t.Errorf("an append to a deleted log: %v", err)
	}
	want = append(want, other.add(t, 0, 7)...)
	if got := other.read(t, 0, other.EndOffset(), 1<<20); !bytes.Equal(got, want) {
		t.Errorf("%d bytes are read of another log, want the %d that were appended", len(got), len(want))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.released != 1 || len(l.durable) != told {
		t.Errorf("the bytes were released %d times, and then %d appends durable", l.released, len(l.durable)-told)
	}
}

// truncatedBelowStart truncates below the log start offset, as a caller may that does not know yet that it has risen.
func truncatedBelowStart(t *testing.T, l *openedLog) {
	l.add(t, 1, 1, 2)
	l.add(t, 1, 3, 4)
	if err := l.AdvanceStart(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := l.Truncate(t.Context(), 1); !errors.Is(err, fault.OffsetOutOfRange) {
		t.Errorf("Truncate() below the start = %v", err)
	}
	l.offsets(t, 2, 4)
	l.add(t, 2, 5)
	if err := l.Truncate(t.Context(), 4); err != nil {
		t.Errorf("Truncate() after one that was refused = %v", err)
	}
	l.offsets(t, 2, 4)
	l.producerEnds(t, map[int64]int64{7: 3})
	l.reopened(t).found(t, partition.EpochStart{Epoch: 1, Start: 0})
}

// segments makes each later batch a segment of its own.
func segments(l *openedLog, cfg ports.LogConfig) {
	cfg.SegmentBytes, cfg.RetentionAge = 1, -1
	l.Configure(&cfg)
}

func retained(t *testing.T, l *openedLog) {
	segments(l, ports.LogConfig{Delete: true, RetentionBytes: 0})
	for range 4 {
		l.add(t, 1, 1, 2)
	}
	for _, step := range []struct{ committed, start int64 }{{0, 0}, {3, 2}, {7, 6}, {2, 6}, {8, 8}} {
		if err := l.Retain(t.Context(), time.UnixMilli(10), func() int64 { return step.committed }); err != nil {
			t.Fatal(err)
		}
		l.until(t, "the start is reported", func() bool { return l.start == step.start })
		l.offsets(t, step.start, 8)
	}
	l.add(t, 1, 3)
	l.offsets(t, 8, 9)
}

func compacted(t *testing.T, l *openedLog) {
	segments(l, ports.LogConfig{Compact: true})
	for range 4 { // the same key in all
		l.add(t, 1, 1, 2)
	}
	const committed = 4
	if err := l.Compact(t.Context(), time.UnixMilli(10), func() int64 { return committed }); err != nil {
		t.Fatal(err)
	}
	l.offsets(t, 0, 8)
	if err := l.Truncate(t.Context(), committed); err != nil {
		t.Fatal(err)
	}
	l.offsets(t, 0, committed)
	newest := int64(-1)
	for from := int64(0); from < committed; {
		rest := l.read(t, from, committed, 1<<20)
		for len(rest) > 0 {
			b, behind, err := record.Next(rest)
			if err != nil {
				t.Fatal(err)
			}
			for r, err := range b.Records(record.Limits{}) {
				if err != nil {
					t.Fatal(err)
				}
				newest = b.BaseOffset() + int64(r.OffsetDelta)
			}
			from, rest = b.NextOffset(), behind
		}
	}
	if newest != committed-1 {
		t.Errorf("the newest record of the key is at %d, want %d: what replaced it was not committed", newest, committed-1)
	}
}

package seglog

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// witness receives a log's events and remembers the last of each kind.
type witness struct {
	mu       sync.Mutex
	durable  int64
	start    int64
	offline  error
	released bool
	changed  chan struct{}
}

func newWitness() *witness { return &witness{changed: make(chan struct{}, 1)} }

func (f *witness) set(change func()) {
	f.mu.Lock()
	change()
	f.mu.Unlock()
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

func (f *witness) Durable(end int64) { f.set(func() { f.durable = end }) }
func (f *witness) Offline(err error) { f.set(func() { f.offline = err }) }
func (f *witness) Start(start int64) { f.set(func() { f.start = start }) }
func (f *witness) Released()         { f.set(func() { f.released = true }) }

// await returns when everything below end is durable.
func (f *witness) await(t *testing.T, end int64) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		f.mu.Lock()
		durable, offline := f.durable, f.offline
		f.mu.Unlock()
		if offline != nil {
			t.Fatal(offline)
		}
		if durable >= end {
			return
		}
		select {
		case <-f.changed:
		case <-deadline:
			t.Fatalf("durable up to %d, want %d", durable, end)
		}
	}
}

// awaitOutcome returns when everything below end is durable, or with what has taken the log offline.
func (f *witness) awaitOutcome(t *testing.T, end int64) error {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		f.mu.Lock()
		durable, offline := f.durable, f.offline
		f.mu.Unlock()
		if offline != nil || durable >= end {
			return offline
		}
		select {
		case <-f.changed:
		case <-deadline:
			t.Fatalf("neither offline nor durable up to %d: %d", end, durable)
		}
	}
}

// usualJournal is the journal of a broker whose configuration says nothing about it; see configs.
var usualJournal = journal.Options{FileBytes: 64 << 20, MaxFiles: 4}

func openStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Dir: dir, Journal: usualJournal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var testID = ports.LogID{Topic: "orders", TopicID: [16]byte{1, 2, 3}, Partition: 0}

func openLog(t *testing.T, s *Store, cfg ports.LogConfig) (*Log, *witness) {
	t.Helper()
	f := newWitness()
	l, err := s.Open(t.Context(), testID, &cfg, new(partition.State), f)
	if err != nil {
		t.Fatal(err)
	}
	f.durable = l.DurableEnd()
	return l.(*Log), f
}

// configure gives the log a copy of a config.
func configure(l ports.Log, cfg ports.LogConfig) { l.Configure(&cfg) }

// batch builds a batch of n records at the log's end.
func batch(t *testing.T, l *Log, n int, ms int64) record.Batch {
	t.Helper()
	b := record.NewBuilder(
		record.Options{
			BaseOffset: l.EndOffset(),
			Producer:   &record.Producer{ID: 9, Epoch: 0, Sequence: int32(l.EndOffset())},
		},
	)
	for i := range n {
		b.Append(ms, fmt.Appendf(nil, "key-%d", i%7), fmt.Appendf(nil, "value at %d", l.EndOffset()+int64(i)))
	}
	out, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func appendBatch(t *testing.T, l *Log, n int) {
	t.Helper()
	b := batch(t, l, n, time.Now().UnixMilli())
	if err := l.Append([]record.Batch{b}, beginning(l, b), time.Now()); err != nil {
		t.Fatal(err)
	}
}

// beginning returns the leader epochs of a log whose first batch b is, nil when it is not: the batches of most tests
// are of one epoch.
func beginning(l *Log, b record.Batch) []partition.EpochStart {
	if b.BaseOffset() > l.StartOffset() {
		return nil
	}
	return []partition.EpochStart{{Epoch: b.LeaderEpoch(), Start: b.BaseOffset()}}
}

// offsets reads the whole log and returns its records' offsets.
func offsets(t *testing.T, l *Log, most int) []int64 {
	t.Helper()
	var all []int64
	for from := l.StartOffset(); from < l.DurableEnd(); {
		s, err := l.Read(from, l.DurableEnd(), most)
		if err != nil {
			t.Fatal(err)
		}
		if s.Size == 0 {
			t.Fatalf("nothing at %d of %d", from, l.DurableEnd())
		}
		buf := make([]byte, s.Size)
		if err := s.ReadInto(buf); err != nil {
			t.Fatal(err)
		}
		s.Release()
		for len(buf) > 0 {
			b, rest, err := record.Next(buf)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.VerifyCRC(); err != nil {
				t.Fatal(err)
			}
			for r, err := range b.Records(record.Limits{}) {
				if err != nil {
					t.Fatal(err)
				}
				if o := b.BaseOffset() + int64(r.OffsetDelta); o >= from {
					all = append(all, o)
				}
			}
			from, buf = b.NextOffset(), rest
		}
	}
	return all
}

func wantOffsets(t *testing.T, got []int64, from, to int64) {
	t.Helper()
	if int64(len(got)) != to-from {
		t.Fatalf("%d records, want those from %d to %d", len(got), from, to)
	}
	for i, o := range got {
		if o != from+int64(i) {
			t.Fatalf("record %d is at %d, want %d", i, o, from+int64(i))
		}
	}
}

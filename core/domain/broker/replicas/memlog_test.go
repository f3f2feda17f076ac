package replicas

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// memLogs is a log store whose disk the test holds in its hand: appends become durable when it says so.
type memLogs struct {
	dir string

	mu     sync.Mutex
	held   bool // nothing becomes durable
	open   map[string]*memLog
	delete []ports.LogID
	aside  []ports.LogID
	stored []ports.LogID // that are there from the start
	ended  []*memLog     // offline or deleted while appends were held
	// opening, if not nil, is called before a log is opened; its error is Open's.
	opening func(ports.LogID) error
	// deleting and changing, if not nil, are called before a log is deleted, or cut, reset or deleted from.
	// Their errors are the answer.
	deleting func(ports.LogID) error
	changing func(id ports.LogID, how string) error
}

func newMemLogs(t testing.TB) *memLogs {
	return &memLogs{dir: t.TempDir(), open: make(map[string]*memLog)}
}

func (s *memLogs) Open(_ context.Context, id ports.LogID, cfg *ports.LogConfig, events ports.LogEvents) (ports.Log, error) {
	if opening := locked(s, &s.opening); opening != nil {
		if err := opening(id); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[s.name(id)] != nil {
		return nil, fault.New(fault.KafkaStorageError, "log of %s-%d is open already", id.Topic, id.Partition)
	}
	f, err := os.Create(s.name(id))
	if err != nil {
		return nil, err
	}
	l := &memLog{store: s, id: id, file: f, events: events, cfg: cfg, producers: new(partition.Producers), epochs: &partition.Epochs{}}
	s.open[f.Name()] = l
	return l, nil
}

// onOpening, onDeleting and onChanging set what is called before; brokers may be at work already.
func (s *memLogs) onOpening(f func(ports.LogID) error)          { s.set(func() { s.opening = f }) }
func (s *memLogs) onDeleting(f func(ports.LogID) error)         { s.set(func() { s.deleting = f }) }
func (s *memLogs) onChanging(f func(ports.LogID, string) error) { s.set(func() { s.changing = f }) }

func (s *memLogs) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// locked reads a field of s.
func locked[F any](s *memLogs, field *F) F {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *field
}

func (s *memLogs) name(id ports.LogID) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s-%d", id.Topic, id.Partition))
}

func (s *memLogs) Delete(_ context.Context, id ports.LogID) error {
	if deleting := locked(s, &s.deleting); deleting != nil {
		if err := deleting(id); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delete = append(s.delete, id)
	if l := s.open[s.name(id)]; l != nil && l.id.TopicID == id.TopicID {
		delete(s.open, s.name(id))
		l.over = true
		if s.held {
			s.ended = append(s.ended, l)
		} else {
			l.events.Released()
		}
	}
	return nil
}

// change asks the test whether a log may be changed.
func (l *memLog) change(how string) error {
	changing := locked(l.store, &l.store.changing)
	if changing == nil {
		return nil
	}
	return changing(l.id, how)
}

func (s *memLogs) SetAside(_ context.Context, id ports.LogID) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aside = append(s.aside, id)
	return fmt.Sprintf("%s-%d-stray", id.Topic, id.Partition), nil
}

func (s *memLogs) Stored() ([]ports.LogID, error) { return s.stored, nil }
func (s *memLogs) Err() error                     { return nil }
func (s *memLogs) Dir() (ports.LogDir, error)     { return ports.LogDir{Path: s.dir}, nil }
func (s *memLogs) Close() error                   { return nil }

// hold keeps appends from becoming durable; release lets all of them become it.
func (s *memLogs) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
}

func (s *memLogs) release() {
	s.mu.Lock()
	s.held = false
	var logs []*memLog
	for _, l := range s.open {
		if l.over {
			s.ended = append(s.ended, l)
			continue
		}
		logs = append(logs, l)
	}
	ended := s.ended
	s.ended = nil
	s.mu.Unlock()
	for _, l := range ended {
		l.events.Released()
	}
	for _, l := range logs {
		l.settle()
	}
}

// fail takes every log offline. While appends are held, the disk still needs their bytes.
func (s *memLogs) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.open {
		l.over = true
		l.events.Offline(err)
		if !s.held {
			l.events.Released()
		}
	}
}

// memLog keeps its batches in one file, to have something to send slices of.
type memLog struct {
	store     *memLogs
	id        ports.LogID
	over      bool // deleted, or offline; under the store's lock
	file      *os.File
	events    ports.LogEvents
	producers *partition.Producers
	epochs    *partition.Epochs

	mu                  sync.Mutex
	cfg                 *ports.LogConfig
	batches             []record.Batch
	positions           []int64
	size                int64
	start, end, durable int64

	mayCompact atomic.Int64 // up to where
}

func (l *memLog) Append(batches []record.Batch, now time.Time) error {
	l.store.mu.Lock()
	over := l.over
	l.store.mu.Unlock()
	if over {
		return fault.KafkaStorageError
	}
	l.mu.Lock()
	for _, b := range batches {
		l.producers.Append(b, now.UnixMilli())
		l.epochs.Assign(b.LeaderEpoch(), b.BaseOffset())
		if _, err := l.file.WriteAt(b, l.size); err != nil {
			l.mu.Unlock()
			return err
		}
		l.batches, l.positions = append(l.batches, slices.Clone(b)), append(l.positions, l.size)
		l.size += int64(len(b))
		l.end = b.NextOffset()
	}
	l.mu.Unlock()
	l.store.mu.Lock()
	held := l.store.held
	l.store.mu.Unlock()
	if !held {
		l.settle()
	}
	return nil
}

func (l *memLog) settle() {
	l.mu.Lock()
	l.durable = l.end
	end := l.durable
	l.mu.Unlock()
	l.events.Durable(end)
}

func (l *memLog) Read(from, upTo int64, maxBytes int) (ports.Slice, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from < l.start || from > l.durable {
		return ports.Slice{}, fault.OffsetOutOfRange
	}
	first, size := -1, 0
	for i, b := range l.batches {
		if b.LastOffset() < from || b.NextOffset() > upTo {
			continue
		}
		if first >= 0 && size+len(b) > maxBytes {
			break
		}
		if first < 0 {
			first = i
		}
		size += len(b)
	}
	if first < 0 {
		return ports.Slice{}, nil
	}
	return ports.NewSlice(l.file, l.positions[first], size, nil), nil
}

func (l *memLog) value(of func() int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return of()
}

func (l *memLog) StartOffset() int64 { return l.value(func() int64 { return l.start }) }
func (l *memLog) EndOffset() int64   { return l.value(func() int64 { return l.end }) }
func (l *memLog) DurableEnd() int64  { return l.value(func() int64 { return l.durable }) }
func (l *memLog) Size() int64        { return l.value(func() int64 { return l.size }) }

func (l *memLog) AdvanceStart(_ context.Context, start int64) error {
	if err := l.change("raise"); err != nil {
		return err
	}
	l.mu.Lock()
	if start > l.durable {
		l.mu.Unlock()
		return fault.OffsetOutOfRange
	}
	l.start = max(l.start, start)
	start = l.start
	l.mu.Unlock()
	l.events.Start(start)
	return nil
}

// Retain takes each batch for a segment, and knows no other reason to delete one than retention.bytes=0.
func (l *memLog) Retain(ctx context.Context, _ time.Time, upTo func() int64) error {
	limit := upTo()
	start := l.value(func() int64 {
		start := l.start
		for _, b := range l.batches {
			if end := b.NextOffset(); l.cfg.Delete && l.cfg.RetentionBytes == 0 && end <= min(limit, l.durable) {
				start = max(start, end)
			}
		}
		return start
	})
	if start == l.StartOffset() {
		return nil
	}
	return l.AdvanceStart(ctx, start)
}

// Compact notes up to where it may: the contract asks for no record to be removed.
func (l *memLog) Compact(_ context.Context, _ time.Time, upTo func() int64) error {
	l.mayCompact.Store(upTo())
	return nil
}

func (l *memLog) OffsetForTimestamp(ms, upTo int64) (ports.TimestampOffset, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.batches {
		if offset, ts, ok, err := b.FirstAtOrAfter(ms, l.start, record.Limits{}); err != nil || ok && offset < upTo {
			return ports.TimestampOffset{Offset: offset, Timestamp: ts, LeaderEpoch: b.LeaderEpoch()}, ok, err
		}
	}
	return ports.TimestampOffset{}, false, nil
}

func (l *memLog) MaxTimestamp(upTo int64) (ports.TimestampOffset, bool, error) {
	newest := l.value(func() int64 {
		ms := int64(record.NoTimestamp)
		for _, b := range l.batches {
			if b.BaseOffset() < upTo {
				ms = max(ms, b.MaxTimestamp())
			}
		}
		return ms
	})
	if newest == record.NoTimestamp {
		return ports.TimestampOffset{}, false, nil
	}
	return l.OffsetForTimestamp(newest, upTo)
}

// Truncate cuts at the boundary of a batch.
func (l *memLog) Truncate(_ context.Context, to int64) error {
	if err := l.change("truncate"); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if to < l.start {
		return fault.OffsetOutOfRange
	}
	kept := slices.IndexFunc(l.batches, func(b record.Batch) bool { return b.BaseOffset() >= to })
	if kept < 0 {
		return nil
	}
	l.size = l.positions[kept]
	l.batches, l.positions = l.batches[:kept], l.positions[:kept]
	l.end, l.durable = to, min(l.durable, to)
	l.epochs.TruncateFrom(to)
	l.producers = new(partition.Producers)
	for _, b := range l.batches {
		l.producers.Append(b, b.MaxTimestamp())
	}
	return nil
}

func (l *memLog) ResetTo(_ context.Context, start int64) error {
	if err := l.change("reset"); err != nil {
		return err
	}
	l.mu.Lock()
	l.batches, l.positions, l.size = nil, nil, 0
	l.start, l.end, l.durable = start, start, start
	*l.producers, *l.epochs = partition.Producers{}, partition.Epochs{}
	l.mu.Unlock()
	l.events.Start(start)
	return nil
}

func (l *memLog) Producers() *partition.Producers { return l.producers }
func (l *memLog) Epochs() *partition.Epochs       { return l.epochs }

func (l *memLog) Configure(cfg *ports.LogConfig) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cfg = cfg
}

func TestTheLogsOfTheseTestsKeepThePortsContract(t *testing.T) {
	porttest.LogStore(t, func(t *testing.T) ports.LogStore { return newMemLogs(t) })
}

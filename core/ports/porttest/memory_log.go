package porttest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

var _ ports.Log = (*Log)(nil)

// Log is a log of Logs. Each of its batches counts as a segment.
type Log struct {
	store  *Logs
	id     ports.LogID
	over   bool // deleted, offline or closed; under the store's lock
	events ports.LogEvents
	state  *partition.State

	mu                  sync.Mutex
	cfg                 *ports.LogConfig
	batches             []record.Batch
	epochs              []partition.EpochStart // the last ones that were stored
	start, end, durable int64

	compactable atomic.Int64
}

// Batches returns copies of the batches, including those that are not durable.
func (l *Log) Batches() []record.Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]record.Batch, len(l.batches))
	for i, b := range l.batches {
		all[i] = slices.Clone(b)
	}
	return all
}

// Compactable returns the offset up to which the last Compact was allowed to work.
func (l *Log) Compactable() int64 { return l.compactable.Load() }

// takeOver moves the contents of old to l, which is not open yet.
func (l *Log) takeOver(old *Log) {
	old.mu.Lock()
	defer old.mu.Unlock()
	l.batches, l.epochs = old.batches, old.epochs
	l.start, l.end, l.durable = old.start, old.end, old.end
	l.replay()
	l.state.RestoreEpochs(l.epochs)
}

// replay rebuilds the state.
func (l *Log) replay() {
	l.state.Clear()
	for _, b := range l.batches {
		l.state.Append(b, time.Now().UnixMilli())
	}
}

// Append implements ports.Log, as do the methods below.
func (l *Log) Append(batches []record.Batch, epochs []partition.EpochStart, now time.Time) error {
	if read(l.store, func() bool { return l.over }) {
		return fault.KafkaStorageError
	}
	l.mu.Lock()
	for _, b := range batches {
		l.state.Append(b, now.UnixMilli())
		l.batches = append(l.batches, slices.Clone(b))
		l.end = b.NextOffset()
	}
	if epochs != nil {
		l.epochs = epochs
	}
	l.mu.Unlock()
	if !read(l.store, func() bool { return l.store.held }) {
		l.sync()
	}
	return nil
}

// sync makes everything durable.
func (l *Log) sync() {
	l.mu.Lock()
	l.durable = l.end
	end := l.durable
	l.mu.Unlock()
	l.events.Durable(end)
}

// Read copies the batches.
func (l *Log) Read(from, upTo int64, maxBytes int) (ports.Slice, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from < l.start || from > l.durable {
		return ports.Slice{}, fault.OffsetOutOfRange
	}
	var found []byte
	for _, b := range l.batches {
		if b.LastOffset() < from || b.NextOffset() > min(upTo, l.durable) {
			continue
		}
		if len(found) > 0 && len(found)+len(b) > maxBytes {
			break
		}
		found = append(found, b...)
	}
	if len(found) == 0 {
		return ports.Slice{}, nil
	}
	return ports.NewSlice(bytes.NewReader(found), 0, len(found), nil), nil
}

func (l *Log) value(of func() int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return of()
}

// StartOffset is the log start offset.
func (l *Log) StartOffset() int64 { return l.value(func() int64 { return l.start }) }

// EndOffset is the log's end.
func (l *Log) EndOffset() int64 { return l.value(func() int64 { return l.end }) }

// DurableEnd is the last durable end that was reported.
func (l *Log) DurableEnd() int64 { return l.value(func() int64 { return l.durable }) }

// Size is the bytes of all batches.
func (l *Log) Size() int64 {
	return l.value(func() (size int64) {
		for _, b := range l.batches {
			size += int64(len(b))
		}
		return size
	})
}

// change asks the test whether the log may be changed.
func (l *Log) change(how string) error {
	changing := read(l.store, func() func(ports.LogID, string) error { return l.store.changing })
	if changing == nil {
		return nil
	}
	return changing(l.id, how)
}

// AdvanceStart raises the log start offset.
func (l *Log) AdvanceStart(_ context.Context, start int64) error {
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

// Retain deletes batches only for retention.bytes=0.
func (l *Log) Retain(ctx context.Context, _ time.Time, upTo func() int64) error {
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

// Compact records up to which offset it may work. The contract does not require that any record is removed.
func (l *Log) Compact(_ context.Context, _ time.Time, upTo func() int64) error {
	l.compactable.Store(upTo())
	return nil
}

// OffsetForTimestamp searches all records.
func (l *Log) OffsetForTimestamp(ms, upTo int64) (ports.TimestampOffset, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.batches {
		if offset, ts, ok, err := b.FirstAtOrAfter(ms, l.start, record.Limits{}); err != nil || ok && offset < upTo {
			return ports.TimestampOffset{Offset: offset, Timestamp: ts, LeaderEpoch: b.LeaderEpoch()}, ok, err
		}
	}
	return ports.TimestampOffset{}, false, nil
}

// MaxTimestamp searches all batches.
func (l *Log) MaxTimestamp(upTo int64) (ports.TimestampOffset, bool, error) {
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

// Truncate cuts where a batch begins.
func (l *Log) Truncate(_ context.Context, to int64) error {
	if err := l.change("truncate"); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if to < l.start {
		return fault.OffsetOutOfRange
	}
	first := slices.IndexFunc(l.batches, func(b record.Batch) bool { return b.NextOffset() > to })
	if first < 0 {
		return nil
	}
	l.end = min(to, l.batches[first].BaseOffset())
	l.batches = slices.Clone(l.batches[:first]) // slices of the old ones may be held
	l.durable = min(l.durable, l.end)
	l.epochs = slices.DeleteFunc(slices.Clone(l.epochs), func(e partition.EpochStart) bool { return e.Start >= l.end })
	l.replay()
	return nil
}

// ResetTo removes everything.
func (l *Log) ResetTo(_ context.Context, start int64) error {
	if err := l.change("reset"); err != nil {
		return err
	}
	l.mu.Lock()
	l.batches, l.epochs = nil, nil
	l.start, l.end, l.durable = start, start, start
	l.state.Clear()
	l.mu.Unlock()
	l.events.Start(start)
	return nil
}

// Configure sets a config.
func (l *Log) Configure(cfg *ports.LogConfig) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cfg = cfg
}

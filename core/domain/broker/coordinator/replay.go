package coordinator

import (
	"context"
	"errors"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// replay rebuilds the states of a shard from its log. They are not published before it has ended.
type replay[S State, R Record] struct {
	shard   *shard[S, R]
	entries map[string]*Entry[S, R]
	open    openTxns
	foreign int // records that were skipped
}

// run reads the whole log. Errors: those of Log.Read, and fault.CorruptMessage for a damaged record.
func (l *replay[S, R]) run(ctx context.Context) error {
	r, partition := l.shard.runtime, l.shard.partition
	err := r.deps.Log.Read(ctx, r.machine.Topic, partition, 0, l.batch)
	if l.foreign > 0 {
		r.deps.Logger.WarnContext(ctx, "records of an unknown kind skipped",
			"topic", r.machine.Topic, "partition", partition, "records", l.foreign)
	}
	return err
}

func (l *replay[S, R]) batch(b record.Batch) error {
	if b.Control() {
		m, ok, err := b.EndTxn()
		if err == nil && ok {
			l.endTxn(b.ProducerID(), m.Committed)
		}
		return err
	}
	from := Origin{Producer: record.NoProducerID}
	if b.Transactional() {
		from.Producer = b.ProducerID()
	}
	for r, err := range b.Records(record.Limits{}) {
		if err == nil {
			from.Offset = b.BaseOffset() + int64(r.OffsetDelta)
			err = l.apply(r, from)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *replay[S, R]) apply(raw record.Record, from Origin) error {
	m := &l.shard.runtime.machine
	key, r, err := m.Decode(raw.Key, raw.Value)
	if errors.Is(err, ErrForeign) {
		l.foreign++
		return nil
	}
	if err != nil {
		return fault.New(fault.CorruptMessage, "record %d of %s-%d: %w", from.Offset, m.Topic, l.shard.partition, err)
	}
	e := l.entries[key]
	if e == nil {
		e = l.shard.newEntry(key, m.Load(key))
		l.entries[key] = e
	}
	if from.Producer != record.NoProducerID {
		l.open.add(from.Producer, key)
	}
	m.Apply(e.State, r, from)
	if e.State.Vacant() {
		delete(l.entries, key)
	}
	return nil
}

func (l *replay[S, R]) endTxn(producerID int64, committed bool) {
	for _, key := range l.open.end(producerID) {
		if e := l.entries[key]; e != nil {
			l.shard.runtime.machine.EndTxn(e.State, producerID, committed)
			if e.State.Vacant() {
				delete(l.entries, key)
			}
		}
	}
}

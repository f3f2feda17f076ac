package replicas

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// weightless is a log that keeps nothing: every append is durable at once.
type weightless struct {
	ports.Log
	events ports.LogEvents
	state  *partition.State
	end    int64
}

func (l *weightless) Append(batches []record.Batch, _ []partition.EpochStart, now time.Time) error {
	for _, b := range batches {
		l.state.Append(b, now.UnixMilli())
		l.end = b.NextOffset()
	}
	l.events.Durable(l.end)
	return nil
}

func (l *weightless) StartOffset() int64 { return 0 }
func (l *weightless) EndOffset() int64   { return l.end }
func (l *weightless) DurableEnd() int64  { return l.end }

type unheard struct{}

func (unheard) assign(int, placement)  {}
func (unheard) acknowledge(int, error) {}

// BenchmarkAppend measures what a partition does for a batch, without its log.
func BenchmarkAppend(b *testing.B) {
	for name, producer := range map[string]int64{"idempotent": 7, "plain": record.NoProducerID} {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b)
			topic, _ := f.store.Image().Topic("orders")
			p, err := f.partitions.Leader(b.Context(), topic, 0)
			if err != nil {
				b.Fatal(err)
			}
			p.log = &weightless{events: p, state: &p.state}
			o := record.Options{}
			if producer >= 0 {
				o.Producer = &record.Producer{ID: producer}
			}
			build := record.NewBuilder(o)
			build.Append(1, nil, make([]byte, 100))
			batch, err := build.Build()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := int32(0); b.Loop(); i++ {
				if producer >= 0 {
					binary.BigEndian.PutUint32(batch[53:], uint32(i)) // its base sequence
				}
				if err := p.append(batch, ack{acks: allInSync, done: unheard{}}, time.Minute); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

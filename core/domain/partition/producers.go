// Package partition is the pure state of one partition: who has produced to it, under which leader
// epochs, and (clustered) its replica's role.
package partition

import (
	"iter"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// Window is how many of its last batches are remembered for each producer (KIP-98; the constant
// NUM_BATCHES_TO_RETAIN of Kafka's ProducerStateEntry).
const Window = 5

// Producers is what a partition remembers of its idempotent producers. It is not safe for
// concurrent use.
type Producers struct{}

// Appended is one batch that a producer has appended.
type Appended struct {
	FirstSequence, LastSequence int32
	FirstOffset, LastOffset     int64
	Timestamp                   int64 // the batch's max timestamp, milliseconds
}

// Producer is what is remembered of one producer.
type Producer struct {
	ID               int64
	Epoch            int16
	Batches          []Appended // oldest first, at most Window
	LastTimestamp    int64      // wall clock of the last append, milliseconds
	CoordinatorEpoch int32      // of the last transaction marker, -1 for none
	TxnFirstOffset   int64      // first offset of the open transaction, -1 for none
}

// NewProducers returns an empty state.
func NewProducers() *Producers { return &Producers{} }

// Check decides whether b may be appended. dup is not nil when the same batch was appended before: the
// producer gets the old offset for an answer. Errors: fault.OutOfOrderSequence, InvalidProducerEpoch,
// UnknownProducerID where Kafka 4 answers it. A batch without producer id is always allowed.
func (p *Producers) Check(b record.Batch) (dup *Appended, err error) { panic("landing soon") }

// Append records that b, its offsets set, was appended at wall clock now (milliseconds).
func (p *Producers) Append(b record.Batch, now int64) { panic("landing soon") }

// Expire forgets producers without open transaction whose last append is older than now-maxAge milliseconds.
func (p *Producers) Expire(now, maxAge int64) { panic("landing soon") }

// All yields the producers in the order of their ids.
func (p *Producers) All() iter.Seq[Producer] { panic("landing soon") }

// Restore replaces the state with these producers, as All has yielded them.
func (p *Producers) Restore(all iter.Seq[Producer]) { panic("landing soon") }

// Len is the number of producers remembered.
func (p *Producers) Len() int { panic("landing soon") }

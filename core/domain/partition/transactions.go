package partition

import (
	"cmp"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// EndedTxn is a transaction that a marker has ended in this partition. Kafka's transaction index has these fields of
// aborted transactions.
type EndedTxn struct {
	ProducerID  int64
	FirstOffset int64 // of the transaction's first batch
	LastOffset  int64 // the marker's
	Aborted     bool
	// LastStable is the last stable offset after the marker, before it is limited by the high watermark: the first offset
	// of the oldest transaction that is still open, or the offset after the marker.
	LastStable int64
}

// openTxn is a transaction without a marker yet.
type openTxn struct {
	firstOffset int64
	producerID  int64
}

// FirstOpenTxn returns the first offset of the oldest open transaction, from which on nothing is stable. ok is false
// when there is none.
func (p *Producers) FirstOpenTxn() (offset int64, ok bool) {
	if len(p.open) == 0 {
		return -1, false
	}
	return p.open[0].firstOffset, true
}

// begin records that a producer has begun a transaction at offset.
func (p *Producers) begin(producerID, offset int64) {
	at, _ := slices.BinarySearchFunc(p.open, offset, openTxn.compare)
	p.open = slices.Insert(p.open, at, openTxn{firstOffset: offset, producerID: producerID})
}

// end applies the marker in b. A marker without an open transaction only updates the producer's epochs.
func (p *Producers) end(b record.Batch, marker record.EndTxn, now int64) (txn EndedTxn, ended bool) {
	known := p.enter(b, now)
	known.coordinatorEpoch = marker.CoordinatorEpoch
	if known.txnFirstOffset < 0 {
		return txn, false
	}
	txn = EndedTxn{
		ProducerID: b.ProducerID(), FirstOffset: known.txnFirstOffset,
		LastOffset: b.BaseOffset(), Aborted: !marker.Committed, LastStable: b.BaseOffset() + 1,
	}
	if at, ok := slices.BinarySearchFunc(p.open, known.txnFirstOffset, openTxn.compare); ok {
		p.open = slices.Delete(p.open, at, at+1)
	}
	known.txnFirstOffset = -1
	if oldest, ok := p.FirstOpenTxn(); ok {
		txn.LastStable = oldest
	}
	return txn, true
}

func (t openTxn) compare(offset int64) int { return cmp.Compare(t.firstOffset, offset) }

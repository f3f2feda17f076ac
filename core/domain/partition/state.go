package partition

import (
	"iter"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// State is what the records of a partition have brought about, besides themselves: what is remembered of their
// producers and of transactions. It is the same on every replica, for it follows from the batches alone.
//
// It belongs to the partition, and the log that holds the records drives it: the log brings in every batch in the order
// of offsets, those that are appended and, when it is opened or cut, those that it reads back; and it stores snapshots
// of it beside the records, so that not all of them have to be read. So a batch has one way into the state, whether
// it comes from a producer, from a leader or from the disk. The zero State is empty. It is not safe for concurrent use.
type State struct {
	Producers Producers
	epochs    []EpochStart
}

// Append brings in a batch that is appended, its offsets set, at wall clock now (milliseconds), or one that is read
// back: of one that is not control, the header is enough. When that was appended is not known any more, and now stands
// for it: the time of its records may be long ago, and its producer would be forgotten before it sends again what was
// not answered. ended is true when it is the marker that ends a transaction, which is returned.
func (s *State) Append(b record.Batch, now int64) (txn EndedTxn, ended bool) {
	return s.Producers.Append(b, now)
}

// Snapshot yields the producers with their open transactions, as they are kept in a snapshot.
func (s *State) Snapshot() iter.Seq[Producer] { return s.Producers.All() }

// Restore replaces the state by a snapshot's. Batches behind that are replayed.
func (s *State) Restore(snapshot iter.Seq[Producer]) { s.Producers.Restore(snapshot) }

// Clear forgets everything.
func (s *State) Clear() { s.Producers.Clear() }

// RestoreEpochs hands over the leader epochs that a log has found when it was opened.
func (s *State) RestoreEpochs(found []EpochStart) { s.epochs = found }

// TakeEpochs returns what RestoreEpochs has handed over, and keeps nothing of it: a Replica knows it from now on.
func (s *State) TakeEpochs() []EpochStart {
	found := s.epochs
	s.epochs = nil
	return found
}

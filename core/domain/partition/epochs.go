package partition

import (
	"slices"
	"sort"
)

// Epochs is the history of a log's leader epochs: where each one began (KIP-101, KIP-279). The zero Epochs is empty. It
// is not safe for concurrent use.
type Epochs struct {
	entries []EpochStart // strictly ascending in both fields
}

// EpochStart is where a leader epoch begins in the log.
type EpochStart struct {
	Epoch int32
	Start int64
}

// NoEpoch stands for an unknown leader epoch.
const NoEpoch = -1

// Assign adds that epoch begins at offset start. As in Kafka, it does nothing when epoch is the latest and began at or
// below start. Otherwise it first removes the entries that contradict it: those of the same or a newer epoch, and those
// that begin at start or above. Negative arguments mean "unknown" and are ignored.
func (e *Epochs) Assign(epoch int32, start int64) {
	if epoch < 0 || start < 0 {
		return
	}
	n := len(e.entries)
	if n > 0 && e.entries[n-1].Epoch == epoch && e.entries[n-1].Start <= start {
		return
	}
	for n > 0 && (e.entries[n-1].Epoch >= epoch || e.entries[n-1].Start >= start) {
		n--
	}
	e.entries = append(e.entries[:n], EpochStart{Epoch: epoch, Start: start})
}

// Latest returns the newest epoch; ok is false when there is none.
func (e *Epochs) Latest() (epoch int32, ok bool) {
	if len(e.entries) == 0 {
		return NoEpoch, false
	}
	return e.entries[len(e.entries)-1].Epoch, true
}

// EndOf answers OffsetForLeaderEpoch for a log that ends at logEnd. It returns the largest known epoch that is not
// above epoch, and the offset at which it ended. For an epoch older than all known ones it returns that epoch and the
// start of the oldest known one. It returns -1 and -1 for an epoch newer than the latest, and if none is known.
func (e *Epochs) EndOf(epoch int32, logEnd int64) (found int32, end int64) {
	if epoch < 0 {
		return NoEpoch, -1
	}
	if latest, ok := e.Latest(); ok && latest == epoch {
		return epoch, logEnd
	}
	above := sort.Search(len(e.entries), func(i int) bool { return e.entries[i].Epoch > epoch })
	switch above {
	case len(e.entries):
		return NoEpoch, -1
	case 0:
		return epoch, e.entries[0].Start
	}
	return e.entries[above-1].Epoch, e.entries[above].Start
}

// At returns the epoch of the record at offset, -1 when unknown.
func (e *Epochs) At(offset int64) int32 {
	above := sort.Search(len(e.entries), func(i int) bool { return e.entries[i].Start > offset })
	if above == 0 {
		return NoEpoch
	}
	return e.entries[above-1].Epoch
}

// TruncateFrom removes the epochs that begin at offset or above.
func (e *Epochs) TruncateFrom(offset int64) {
	kept := sort.Search(len(e.entries), func(i int) bool { return e.entries[i].Start >= offset })
	e.entries = e.entries[:kept]
}

// TruncateTo removes the epochs that end at or below start. The epoch that contains start begins there afterwards.
func (e *Epochs) TruncateTo(start int64) {
	above := sort.Search(len(e.entries), func(i int) bool { return e.entries[i].Start > start })
	if above == 0 {
		return
	}
	e.entries = slices.Delete(e.entries, 0, above-1)
	e.entries[0].Start = start
}

// Entries returns a copy of the history, oldest first.
func (e *Epochs) Entries() []EpochStart { return slices.Clone(e.entries) }

// Restore replaces the history. Entries that contradict a later one are dropped, as by Assign.
func (e *Epochs) Restore(entries []EpochStart) {
	e.entries = nil
	for _, s := range entries {
		e.Assign(s.Epoch, s.Start)
	}
}

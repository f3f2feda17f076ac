package partition

// Epochs is the history of a log's leader epochs: where each one began (KIP-101, KIP-279). It is
// not safe for concurrent use.
type Epochs struct{}

// EpochStart is where a leader epoch begins in the log.
type EpochStart struct {
	Epoch int32
	Start int64
}

// Assign notes that epoch begins at offset start, if it is newer than the latest one. Entries that it
// contradicts (start at or above) are removed first, as Kafka does.
func (e *Epochs) Assign(epoch int32, start int64) { panic("landing soon") }

// Latest returns the newest epoch; ok is false when there is none.
func (e *Epochs) Latest() (epoch int32, ok bool) { panic("landing soon") }

// EndOf answers OffsetForLeaderEpoch for a log that ends at logEnd: the largest epoch known that is
// not above epoch, and the offset at which it ended. It returns -1, -1 when nothing is known
// of it.
func (e *Epochs) EndOf(epoch int32, logEnd int64) (found int32, end int64) { panic("landing soon") }

// At returns the epoch of the record at offset, -1 when unknown.
func (e *Epochs) At(offset int64) int32 { panic("landing soon") }

// TruncateFrom forgets the epochs that begin at offset or above.
func (e *Epochs) TruncateFrom(offset int64) { panic("landing soon") }

// TruncateTo forgets the epochs that end at or below start; the one that holds start now begins there.
func (e *Epochs) TruncateTo(start int64) { panic("landing soon") }

// Entries returns the history, oldest first.
func (e *Epochs) Entries() []EpochStart { panic("landing soon") }

// Restore replaces the history.
func (e *Epochs) Restore(entries []EpochStart) { panic("landing soon") }

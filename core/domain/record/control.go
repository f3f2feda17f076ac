package record

import (
	"encoding/binary"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// ControlType is the type of a control record (KIP-98), numbered as in its key.
type ControlType int16

// The control records that concern a partition's log; others are to be ignored.
const (
	Abort        ControlType = 0 // the transaction's records are void
	Commit       ControlType = 1 // the transaction's records count
	LeaderChange ControlType = 2 // of a KRaft quorum
)

// EndTxn is the marker that ends a transaction in one partition.
type EndTxn struct {
	Committed        bool
	CoordinatorEpoch int32 // of the transaction coordinator that wrote it
}

const (
	controlKeySize = 4 // version int16, type int16
	endTxnSize     = 6 // version int16, coordinator epoch int32
)

// ControlTypeOf reads a control record's key. Errors: fault.InvalidRecord.
func ControlTypeOf(key []byte) (ControlType, error) {
	if len(key) < controlKeySize {
		return 0, fault.New(fault.InvalidRecord, "Invalid value size found for end control record key. "+
			"Must have at least %d bytes, but found only %d", controlKeySize, len(key))
	}
	if v := int16(binary.BigEndian.Uint16(key)); v < 0 {
		return 0,
			fault.New(fault.InvalidRecord, "Invalid version found for control record: %d. May indicate data corruption",
				v)
	}
	return ControlType(binary.BigEndian.Uint16(key[2:])), nil
}

// EndTxn returns the transaction marker in the control batch. ok is false when there is none, or compaction has removed
// it. Errors are those of Records, and fault.InvalidRecord for a malformed marker.
func (b Batch) EndTxn() (m EndTxn, ok bool, err error) {
	if !b.Control() {
		return m, false, nil
	}
	for r, err := range b.Records(Limits{}) {
		if err != nil {
			return m, false, err
		}
		kind, err := ControlTypeOf(r.Key)
		if err != nil || kind != Commit && kind != Abort {
			return m, false, err
		}
		if len(r.Value) < endTxnSize {
			return m, false, fault.New(fault.InvalidRecord, "Invalid value size found for end transaction marker. "+
				"Must have at least %d bytes, but found only %d", endTxnSize, len(r.Value))
		}
		if v := int16(binary.BigEndian.Uint16(r.Value)); v < 0 {
			return m, false, fault.New(fault.InvalidRecord,
				"Invalid version found for end transaction marker: %d. May indicate data corruption", v)
		}
		return EndTxn{Committed: kind == Commit, CoordinatorEpoch: int32(binary.BigEndian.Uint32(r.Value[2:]))}, true,
			nil
	}
	return m, false, nil
}

// Batch returns the marker as the control batch that a transaction coordinator writes for a producer.
func (m EndTxn) Batch(producerID int64, producerEpoch int16, ms int64) Batch {
	var key [controlKeySize]byte
	if m.Committed {
		binary.BigEndian.PutUint16(key[2:], uint16(Commit))
	}
	var value [endTxnSize]byte
	binary.BigEndian.PutUint32(value[2:], uint32(m.CoordinatorEpoch))
	b := NewBuilder(Options{
		Producer:      &Producer{ID: producerID, Epoch: producerEpoch, Sequence: NoSequence},
		Transactional: true,
		Control:       true,
	})
	b.Append(ms, key[:], value[:])
	return b.uncompressed()
}

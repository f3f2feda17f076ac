// Package record implements Kafka's record batches of magic 2. It reads and patches their headers in place, validates
// batches, iterates over their records, compresses and decompresses them, and builds new ones.
//
// The layout is that of Kafka's DefaultRecordBatch (KIP-98, KIP-482):
//
//	base offset int64 | length int32 | partition leader epoch int32 | magic int8 | crc uint32 |
//	attributes int16 | last offset delta int32 | base timestamp int64 | max timestamp int64 |
//	producer id int64 | producer epoch int16 | base sequence int32 | records count int32 | records
//
// The length counts the bytes that follow it. The CRC-32C covers everything from the attributes on, so that a broker
// may set base offset and leader epoch without computing it again.
//
// A Batch is a slice of bytes as it is on the wire and on disk: the path from producer to disk to consumer copies no
// record and allocates nothing per record. Compressed records are decompressed in windows of bounded size, so that
// memory does not depend on what a header claims; Limits bounds the rest. Validation follows Kafka's, with its error
// kinds and messages, and is stricter where Check says so.
package record

import (
	"encoding/binary"
	"math"
)

// Byte positions in a batch, and the sizes that every batch has.
const (
	HeaderSize     = 61 // bytes before the first record
	LogOverhead    = 12 // base offset and length: what stands before the bytes that length counts
	offLength      = 8
	offLeaderEpoch = 12
	offMagic       = 16
	offCRC         = 17
	offAttributes  = 21
	offLastDelta   = 23
	offBaseTime    = 27
	offMaxTime     = 35
	offProducerID  = 43
	offEpoch       = 51
	offSequence    = 53
	offCount       = 57
)

// Values that stand for "none" in a batch's header.
const (
	NoProducerID = -1
	NoTimestamp  = -1
	NoSequence   = -1
)

// Attributes are a batch's flag bits.
type Attributes int16

// The bits of Attributes above the three that hold the codec.
const (
	AttrLogAppendTime Attributes = 1 << 3
	AttrTransactional Attributes = 1 << 4
	AttrControl       Attributes = 1 << 5
	AttrDeleteHorizon Attributes = 1 << 6
)

// Codec returns the compression codec of the batch's records.
func (a Attributes) Codec() Codec { return Codec(a & 7) }

// Batch is one whole record batch in Kafka's wire format. Its methods read and patch the bytes in
// place; only a Batch that Next or Parse returned is known to be long enough for them.
type Batch []byte

// BaseOffset returns the offset of the batch's first record, or the one that it had before compaction.
func (b Batch) BaseOffset() int64 { return int64(binary.BigEndian.Uint64(b)) }

// SetBaseOffset changes the base offset; the CRC does not cover it.
func (b Batch) SetBaseOffset(o int64) { binary.BigEndian.PutUint64(b, uint64(o)) }

// LastOffset returns the offset of the batch's last record.
func (b Batch) LastOffset() int64 { return b.BaseOffset() + int64(b.LastOffsetDelta()) }

// NextOffset returns the offset that follows the batch.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

// Size returns the batch's size in bytes, header included, as its length field has it.
func (b Batch) Size() int { return LogOverhead + int(int32(binary.BigEndian.Uint32(b[offLength:]))) }

// LeaderEpoch returns the partition leader epoch under which the batch was appended.
func (b Batch) LeaderEpoch() int32 { return int32(binary.BigEndian.Uint32(b[offLeaderEpoch:])) }

// SetLeaderEpoch changes the partition leader epoch; the CRC does not cover it.
func (b Batch) SetLeaderEpoch(e int32) { binary.BigEndian.PutUint32(b[offLeaderEpoch:], uint32(e)) }

// Magic returns the format version: 2 for every batch of this package.
func (b Batch) Magic() int8 { return int8(b[offMagic]) }

// CRC returns the stored CRC-32C.
func (b Batch) CRC() uint32 { return binary.BigEndian.Uint32(b[offCRC:]) }

// Attributes returns the flag bits.
func (b Batch) Attributes() Attributes {
	return Attributes(binary.BigEndian.Uint16(b[offAttributes:]))
}

// LastOffsetDelta returns the distance of the last offset from the base offset.
func (b Batch) LastOffsetDelta() int32 { return int32(binary.BigEndian.Uint32(b[offLastDelta:])) }

// BaseTimestamp returns the first record's timestamp in milliseconds, or the delete horizon when
// AttrDeleteHorizon is set.
func (b Batch) BaseTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[offBaseTime:])) }

// MaxTimestamp returns the largest timestamp of the batch in milliseconds.
func (b Batch) MaxTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[offMaxTime:])) }

// ProducerID returns the producer's id, or NoProducerID.
func (b Batch) ProducerID() int64 { return int64(binary.BigEndian.Uint64(b[offProducerID:])) }

// ProducerEpoch returns the producer's epoch.
func (b Batch) ProducerEpoch() int16 { return int16(binary.BigEndian.Uint16(b[offEpoch:])) }

// BaseSequence returns the sequence number of the first record, or NoSequence.
func (b Batch) BaseSequence() int32 { return int32(binary.BigEndian.Uint32(b[offSequence:])) }

// Count returns the number of records that the header names.
func (b Batch) Count() int32 { return int32(binary.BigEndian.Uint32(b[offCount:])) }

// Payload returns the records, compressed if the batch is.
func (b Batch) Payload() []byte { return b[HeaderSize:] }

// HasProducerID tells whether an idempotent producer, a transaction or its coordinator wrote the batch.
func (b Batch) HasProducerID() bool { return b.ProducerID() > NoProducerID }

// Transactional tells whether the batch belongs to a transaction.
func (b Batch) Transactional() bool { return b.Attributes()&AttrTransactional != 0 }

// Control tells whether the batch's records are control records, which consumers do not see.
func (b Batch) Control() bool { return b.Attributes()&AttrControl != 0 }

// LogAppendTime tells whether the batch's only timestamp is MaxTimestamp, set by the broker.
func (b Batch) LogAppendTime() bool { return b.Attributes()&AttrLogAppendTime != 0 }

// DeleteHorizon returns the time (milliseconds) from which on compaction may drop the batch's tombstones
// and markers; ok is false when compaction has not seen them yet (KIP-534).
func (b Batch) DeleteHorizon() (ms int64, ok bool) {
	if b.Attributes()&AttrDeleteHorizon == 0 {
		return NoTimestamp, false
	}
	return b.BaseTimestamp(), true
}

// LastSequence returns the sequence number of the batch's last offset, or NoSequence.
func (b Batch) LastSequence() int32 {
	if b.BaseSequence() == NoSequence {
		return NoSequence
	}
	return AddSequence(b.BaseSequence(), b.LastOffsetDelta())
}

// AddSequence returns the sequence number that stands n after seq: 0 follows 2^31-1.
func AddSequence(seq, n int32) int32 { return int32((int64(seq) + int64(n)) & math.MaxInt32) }

// SubSequence returns the sequence number that stands n before seq.
func SubSequence(seq, n int32) int32 { return int32((int64(seq) - int64(n)) & math.MaxInt32) }

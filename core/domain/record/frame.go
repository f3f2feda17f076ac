package record

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// ErrIncomplete means that a buffer ends within a batch. At the end of a log file that is a torn write. Every such
// error is also a fault.CorruptMessage.
var ErrIncomplete = errors.New("batch is incomplete")

// magic is the only format version that this package supports.
const magic = 2

// minLegacySize is the smallest length field of a message of magic 0: crc, magic, attributes, and the
// lengths of key and value.
const minLegacySize = 14

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Next returns the batch at the start of buf, without copying it, and the bytes that follow. It checks sizes and magic
// only; VerifyCRC checks the contents. Errors: ErrIncomplete when buf ends within the batch, fault.CorruptMessage when
// the bytes cannot be the start of a batch, and fault.UnsupportedForMessageFormat for magic 0 and 1.
func Next(buf []byte) (b Batch, rest []byte, err error) {
	size, err := sizeOf(buf)
	if err != nil {
		return nil, buf, err
	}
	if m := int8(buf[offMagic]); m < magic {
		return nil, buf, fault.New(fault.UnsupportedForMessageFormat, "Record batch has magic %d, only 2 is served", m)
	}
	if size < HeaderSize {
		return nil, buf, fault.New(fault.CorruptMessage,
			"Record batch is corrupt (the size %d is smaller than the minimum allowed overhead %d)", size, HeaderSize)
	}
	if size > len(buf) {
		return nil, buf, incomplete(size, len(buf))
	}
	return Batch(buf[:size:size]), buf[size:], nil
}

// Parse returns the batch in buf, which must contain nothing else. Errors are those of Next, and fault.CorruptMessage
// when bytes follow the batch.
func Parse(buf []byte) (Batch, error) {
	b, rest, err := Next(buf)
	if err == nil && len(rest) > 0 {
		return nil, fault.New(fault.CorruptMessage, "%d bytes follow the record batch", len(rest))
	}
	return b, err
}

// ParseProduced returns the one batch that a Produce request of this version carries for a partition. As in
// Kafka, an incomplete batch counts as none, and an incomplete second one is cut off. Errors, with
// Kafka's texts (ProduceRequest.validateRecords): fault.InvalidRecord for no batch, for more than one and
// for magic 0 and 1; fault.UnsupportedCompressionType for zstd before version 7; fault.CorruptMessage.
func ParseProduced(buf []byte, version int16) (Batch, error) {
	size, err := sizeOf(buf)
	if errors.Is(err, ErrIncomplete) || err == nil && size > len(buf) {
		return nil, fault.New(fault.InvalidRecord,
			"Produce requests with version %d must have at least one record batch per partition", version)
	}
	if err != nil {
		return nil, err
	}
	if int8(buf[offMagic]) != magic {
		return nil, fault.New(fault.InvalidRecord,
			"Produce requests with version %d are only allowed to contain record batches with magic version 2", version)
	}
	b, rest, err := Next(buf)
	if err != nil {
		return nil, err
	}
	switch codec := b.Attributes().Codec(); {
	case !codec.Known():
		return nil, fault.New(fault.UnsupportedCompressionType, "Unknown compression type id: %d", codec)
	case codec == Zstd && version < 7:
		return nil, fault.New(fault.UnsupportedCompressionType,
			"Produce requests with version %d are not allowed to use ZStandard compression", version)
	}
	if len(rest) == 0 { // as it must be
		return b, nil
	}
	switch size, err := sizeOf(rest); {
	case errors.Is(err, ErrIncomplete) || err == nil && size > len(rest):
		return b, nil
	case err != nil:
		return nil, err
	}
	return nil, fault.New(fault.InvalidRecord,
		"Produce requests with version %d are only allowed to contain exactly one record batch per partition", version)
}

// sizeOf returns the size that the batch at the start of buf claims to have, once its magic is known to exist.
func sizeOf(buf []byte) (int, error) {
	if len(buf) < LogOverhead {
		return 0, incomplete(LogOverhead, len(buf))
	}
	length := int(int32(binary.BigEndian.Uint32(buf[offLength:])))
	if length < minLegacySize {
		return 0, fault.New(fault.CorruptMessage, "Record size %d is less than the minimum record overhead (%d)",
			length, minLegacySize)
	}
	if len(buf) <= offMagic {
		return 0, incomplete(LogOverhead+length, len(buf))
	}
	if m := int8(buf[offMagic]); m < 0 || m > magic {
		return 0, fault.New(fault.CorruptMessage, "Invalid magic found in record: %d", m)
	}
	return LogOverhead + length, nil
}

// incomplete is the error for a batch that needs want bytes, of which there are have.
func incomplete(want, have int) error {
	return fault.New(fault.CorruptMessage, "%d of %d bytes: %w", have, want, ErrIncomplete)
}

// VerifyCRC reports fault.CorruptMessage when the batch's bytes do not match its checksum.
func (b Batch) VerifyCRC() error {
	if sum := b.checksum(); sum != b.CRC() {
		return fault.New(fault.CorruptMessage, "Record is corrupt (stored crc = %d, computed crc = %d)", b.CRC(), sum)
	}
	return nil
}

func (b Batch) checksum() uint32 { return crc32.Checksum(b[offAttributes:], castagnoli) }

func (b Batch) updateCRC() { binary.BigEndian.PutUint32(b[offCRC:], b.checksum()) }

// SetLogAppendTime makes ms (milliseconds) the timestamp of the batch and of all its records.
func (b Batch) SetLogAppendTime(ms int64) { b.setMaxTimestamp(b.Attributes()|AttrLogAppendTime, ms) }

// SetMaxTimestamp makes ms the largest timestamp, under timestamps that the producer has set.
func (b Batch) SetMaxTimestamp(ms int64) { b.setMaxTimestamp(b.Attributes()&^AttrLogAppendTime, ms) }

// setMaxTimestamp computes the checksum only if something changes, since that reads the whole batch.
func (b Batch) setMaxTimestamp(a Attributes, ms int64) {
	if a == b.Attributes() && ms == b.MaxTimestamp() {
		return
	}
	binary.BigEndian.PutUint16(b[offAttributes:], uint16(a))
	binary.BigEndian.PutUint64(b[offMaxTime:], uint64(ms))
	b.updateCRC()
}

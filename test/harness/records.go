package harness

import (
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Batch is a record batch as a client builds it.
func Batch(values ...string) []byte { return EditedBatch(func(*kmsg.RecordBatch) {}, values...) }

// EditedBatch is Batch with its header changed before the checksum is taken.
func EditedBatch(edit func(*kmsg.RecordBatch), values ...string) []byte {
	var records []byte
	for i, v := range values {
		records = AppendRecord(records, kmsg.Record{OffsetDelta: int32(i), Key: []byte("k"), Value: []byte(v)})
	}
	return SealedBatch(records, len(values), edit)
}

// AppendRecord appends a record to those of a batch.
func AppendRecord(b []byte, r kmsg.Record) []byte {
	r.Length = int32(len(r.AppendTo(nil)) - 1)
	return r.AppendTo(b)
}

// SealedBatch is the batch of n records, as AppendRecord makes them, with its header changed before the checksum is
// taken.
func SealedBatch(records []byte, n int, edit func(*kmsg.RecordBatch)) []byte {
	const then = 1_600_000_000_000
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(n - 1), FirstTimestamp: then, MaxTimestamp: then,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(n), Records: records,
	}
	edit(&b)
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	raw := b.AppendTo(nil)
	b.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

package differential

import (
	"bytes"
	"compress/gzip"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

func acks(n int16) func(*kmsg.ProduceRequest) { return func(r *kmsg.ProduceRequest) { r.Acks = n } }

// codec is a batch whose records were compressed with the codec of that number, by compress.
func codec(number int16, compress func([]byte) []byte) []byte {
	return harness.SealedBatch(compress(harness.AppendRecord(nil, kmsg.Record{Value: []byte("packed")})), 1,
		func(b *kmsg.RecordBatch) {
			b.Attributes = number
		})
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zstandard(b []byte) []byte {
	w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func unchanged(b []byte) []byte { return b }

// broken is a batch with wrong bytes, and a checksum that is taken before.
func broken(edit func([]byte) []byte) func(*world, int16) []byte {
	return func(*world, int16) []byte { return edit(harness.Batch("x")) }
}

func wrong(edit func(*kmsg.RecordBatch)) func(*world, int16) []byte {
	return func(*world, int16) []byte { return harness.EditedBatch(edit, "x", "y") }
}

// morePartitions sends the records to further partitions, too.
func morePartitions(indexes ...int32) func(*kmsg.ProduceRequest) {
	return func(r *kmsg.ProduceRequest) {
		for _, i := range indexes {
			p := r.Topics[0].Partitions[0]
			p.Partition = i
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
		}
	}
}

var produceSteps = slices.Concat(made("rec", 2), made("disputed", 3), made("timeless", 1), made("wide", 3),
	made("compacted", 1, "cleanup.policy", "compact"),
	made("small", 1, "max.message.bytes", "200"), made("stamped", 1, "message.timestamp.type", "LogAppendTime"),
	made("repacked", 1, "compression.type", "gzip"),
	[]step{
		on("one batch", 3, 13, produce("rec", these(harness.Batch("a", "b")))),
		on("acks=1", 3, 13, produce("rec", these(harness.Batch("c")), acks(1))),
		on("acks=0", 3, 13, produce("rec", these(harness.Batch("d")), acks(0))),
		on("the end after acks=0", 7, 7, listOffsets("rec", -1)),
		on("acks=0 to an unknown topic", 3, 13, produce("nowhere", these(harness.Batch("d")), acks(0))),
		on("acks=2", 3, 13, produce("rec", these(harness.Batch("c")), acks(2))),
		on("acks=-2", 13, 13, produce("rec", these(harness.Batch("c")), acks(-2))),
		on("an old version", 0, 2, produce("rec", these(harness.Batch("c")), acks(1))),
		on("three partitions", 3, 13, produce("wide", these(harness.Batch("w")), morePartitions(1, 2))),
		on("a known and an unknown partition", 3, 13, produce("wide", these(harness.Batch("w")), morePartitions(7))),
		on("a partition twice", 3, 13, produce("disputed", these(harness.Batch("w")), morePartitions(0))),
		on("a negative partition", 13, 13, produce("wide", these(harness.Batch("w")), func(r *kmsg.ProduceRequest) {
			r.Topics[0].Partitions[0].Partition = -1
		})),
		on("no topics", 3, 13, produce("rec", these(nil), func(r *kmsg.ProduceRequest) { r.Topics = nil })),
		on("no partitions", 3, 13, produce("rec", these(nil), func(r *kmsg.ProduceRequest) { r.Topics[0].Partitions = nil })),
		on("no records", 3, 13, produce("rec", these([]byte{}))),
		on("null records", 13, 13, produce("rec", these(nil))).via("null"),
		on("two batches", 3, 13, produce("rec", these(append(harness.Batch("x"), harness.Batch("y")...)))),
		on("an unknown topic", 3, 12, produce("nowhere", these(harness.Batch("x")))),
		on("an unknown id", 13, 13, produce("nowhere", these(harness.Batch("x")))),
		on("no id", 13, 13, produce("nowhere", these(harness.Batch("x")), func(r *kmsg.ProduceRequest) {
			r.Topics[0].TopicID = [16]byte{}
		})),
		on("a transactional id", 3, 13, produce("disputed", these(harness.Batch("x")), func(r *kmsg.ProduceRequest) {
			r.TransactionID = kmsg.StringPtr("txn")
		})),
		on("an internal topic", 3, 12, produce("__consumer_offsets", these(harness.Batch("x")))),

		on("a bad checksum", 3, 13, produce("rec", broken(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }))),
		on("a header cut short", 3, 13, produce("rec", broken(func(b []byte) []byte { return b[:20] }))),
		on("a batch cut short", 3, 13, produce("rec", broken(func(b []byte) []byte { return b[:len(b)-3] }))),
		on("bytes behind the batch", 3, 13, produce("rec", broken(func(b []byte) []byte { return append(b, 1, 2, 3) }))),
		on("a negative length", 3, 13, produce("rec", broken(func(b []byte) []byte { b[8] = 0xff; return b }))),
		on("magic 0", 3, 13, produce("rec", broken(func(b []byte) []byte { b[16] = 0; return b }))),
		on("magic 1", 3, 13, produce("rec", broken(func(b []byte) []byte { b[16] = 1; return b }))),
		on("magic 3", 3, 13, produce("rec", broken(func(b []byte) []byte { b[16] = 3; return b }))),
		on("a control batch", 3, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) { b.Attributes = 1 << 5 }))),
		on("a transactional batch", 3, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) { b.Attributes = 1 << 4 }))),
		on("unknown attributes", 13, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) { b.Attributes = 1 << 9 }))),
		on("a base offset", 13, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) { b.FirstOffset = 77 }))),
		on("a leader epoch", 13, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) { b.PartitionLeaderEpoch = 77 }))),
		on("a wrong count", 3, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) { b.NumRecords = 7 }))),
		on("a count of one", 13, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) {
			b.NumRecords, b.LastOffsetDelta = 1, 0
		}))),
		on("a negative count", 13, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) { b.NumRecords = -1 }))),
		on("a count of none", 13, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) {
			b.NumRecords, b.LastOffsetDelta, b.Records = 0, 0, nil
		}))),
		on("a wrong last delta", 3, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) { b.LastOffsetDelta = 7 }))),
		on("wrong deltas in the records", 13, 13, produce("disputed", these(harness.SealedBatch(harness.AppendRecord(nil,
			kmsg.Record{OffsetDelta: 3}), 1, func(*kmsg.RecordBatch) {})))),
		on("rubbish for records", 13, 13, produce("rec", these(harness.SealedBatch([]byte{0x90, 1, 2}, 1,
			func(*kmsg.RecordBatch) {})))),
		on("a timestamp in the future", 3, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) {
			b.FirstTimestamp, b.MaxTimestamp = 9_000_000_000_000, 9_000_000_000_000
		}))),
		on("no timestamp", 13, 13, produce("timeless", wrong(func(b *kmsg.RecordBatch) {
			b.FirstTimestamp, b.MaxTimestamp = -1, -1
		}))),
		on("a wrong largest timestamp", 13, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) { b.MaxTimestamp++ }))),
		on("the log-append-time bit", 13, 13, produce("rec", wrong(func(b *kmsg.RecordBatch) { b.Attributes = 1 << 3 }))),

		on("gzip", 3, 13, produce("rec", these(codec(1, gzipped)))),
		on("zstd", 3, 13, produce("rec", these(codec(4, zstandard)))),
		on("codec 5", 3, 13, produce("rec", these(codec(5, unchanged)))),
		on("codec 7", 13, 13, produce("rec", these(codec(7, unchanged)))),
		on("gzip that is not", 3, 13, produce("rec", these(codec(1, unchanged)))),
		on("snappy that is not", 13, 13, produce("rec", these(codec(2, unchanged)))),
		on("lz4 that is not", 13, 13, produce("rec", these(codec(3, unchanged)))),
		on("zstd that is not", 13, 13, produce("rec", these(codec(4, unchanged)))),
		on("what the broker compresses again", 3, 13, produce("repacked", these(harness.Batch("a", "b")))),
		on("what the broker stamps", 3, 13, produce("stamped", these(harness.Batch("a", "b")))),
		on("what the broker stamps, compressed", 13, 13, produce("stamped", these(codec(1, gzipped)))),
		on("too large a batch", 3, 13, produce("small", these(harness.Batch(strings.Repeat("x", 200))))),
		on("a small batch", 3, 13, produce("small", these(harness.Batch("x")))),
		on("a record without key to compact", 3, 13, produce("compacted", these(harness.SealedBatch(
			harness.AppendRecord(harness.AppendRecord(nil, kmsg.Record{Key: []byte("k")}),
				kmsg.Record{OffsetDelta: 1, Value: []byte("v")}), 2, func(*kmsg.RecordBatch) {})))),
		on("a record with key to compact", 3, 13, produce("compacted", these(harness.Batch("v")))),
		on("the log at the end", 18, 18, fetch("rec", 0)),
		on("the stamped log at the end", 18, 18, fetch("stamped", 0)),
		on("the repacked log at the end", 18, 18, fetch("repacked", 0)),
	})

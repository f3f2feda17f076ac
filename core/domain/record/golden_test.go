package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaLog is a segment that Apache Kafka 4.3.1 has written: six records from its console producer in each
// codec, and a transaction of three records with its marker.
func kafkaLog(tb testing.TB) []Batch {
	tb.Helper()
	file, err := os.ReadFile("testdata/kafka-4.3.1.log")
	if err != nil {
		tb.Fatal(err)
	}
	var all []Batch
	for rest := file; len(rest) > 0; {
		var b Batch
		if b, rest, err = Next(rest); err != nil {
			tb.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

func TestALogThatKafkaWroteIsReadInEveryCodec(t *testing.T) {
	batches := kafkaLog(t)
	if len(batches) != 7 {
		t.Fatalf("%d batches, want 7", len(batches))
	}
	for codec := None; codec <= Zstd; codec++ {
		i := int(codec)
		b := batches[i]
		if got := b.Attributes().Codec(); got != codec || b.BaseOffset() != int64(6*i) || b.Count() != 6 {
			t.Errorf("batch %d: codec %v, base offset %d, count %d", i, got, b.BaseOffset(), b.Count())
		}
		if err := b.VerifyCRC(); err != nil {
			t.Error(err)
		}
		got, err := read(b)
		if err != nil {
			t.Fatal(err)
		}
		for n, r := range got {
			key := fmt.Sprintf("key-%d", n+1)
			value := fmt.Sprintf("the quick brown fox jumps over the lazy dog in %s number %d %d", codec, n+1, n+1)
			if string(r.Key) != key || string(r.Value) != value || r.Offset != b.BaseOffset()+int64(n) {
				t.Errorf("batch %d record %d = %d %q %q, want key %q and value %q", i, n, r.Offset, r.Key,
					r.Value, key, value)
			}
		}
		b = bytes.Clone(b)
		b.SetBaseOffset(0)
		rules := Rules{Now: b.MaxTimestamp(), Before: 1 << 40, After: 1 << 40, Compacted: true}
		if _, err := Check(b, rules); err != nil {
			t.Errorf("batch %d: Check() = %v", i, err)
		}
	}
}

func TestATransactionMarkerThatKafkaWroteIsReadAndWrittenTheSame(t *testing.T) {
	batches := kafkaLog(t)
	data, marker := batches[5], batches[6]
	if !data.Transactional() || data.Control() || !marker.Transactional() || !marker.Control() {
		t.Fatalf("attributes %b and %b", data.Attributes(), marker.Attributes())
	}
	if _, ok, err := data.EndTxn(); ok || err != nil {
		t.Errorf("EndTxn() of a data batch = %t, %v", ok, err)
	}
	m, ok, err := marker.EndTxn()
	if err != nil || !ok || !m.Committed || m.CoordinatorEpoch != 0 {
		t.Fatalf("EndTxn() = %+v, %t, %v", m, ok, err)
	}
	ours := m.Batch(marker.ProducerID(), marker.ProducerEpoch(), marker.MaxTimestamp())
	ours.SetBaseOffset(marker.BaseOffset())
	if diff := cmp.Diff([]byte(marker), []byte(ours)); diff != "" {
		t.Errorf("marker differs (-Kafka +ours):\n%s", diff)
	}
}

func TestBuiltBatchesAreByteForByteWhatKafkaWrote(t *testing.T) {
	for _, want := range kafkaLog(t)[:1] {
		b := NewBuilder(Options{
			BaseOffset: want.BaseOffset(),
			Producer:   &Producer{want.ProducerID(), want.ProducerEpoch(), want.BaseSequence()},
		})
		for r, err := range want.Records(Limits{}) {
			if err != nil {
				t.Fatal(err)
			}
			b.Add(want.BaseOffset()+int64(r.OffsetDelta), want.TimestampOf(r), r)
		}
		got, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]byte(want), []byte(got)); diff != "" {
			t.Errorf("batch differs (-Kafka +ours):\n%s", diff)
		}
	}
}

func TestFranzGoReadsWhatIsBuiltInEveryCodec(t *testing.T) {
	decompressor := kgo.DefaultDecompressor()
	for codec := None; codec <= Zstd; codec++ {
		t.Run(codec.String(), func(t *testing.T) {
			b := NewBuilder(Options{
				BaseOffset: 7, LeaderEpoch: 3, Codec: codec, Producer: &Producer{ID: 9, Epoch: 2, Sequence: 5},
			})
			for i := range 500 {
				b.Append(int64(1000+i), fmt.Appendf(nil, "key-%d", i), bytes.Repeat([]byte("abc"), i),
					Header{Key: "h", Value: []byte("v")})
			}
			built, err := b.Build()
			if err != nil {
				t.Fatal(err)
			}
			var read kmsg.RecordBatch
			if err := read.ReadFrom(built); err != nil {
				t.Fatal(err)
			}
			if read.FirstOffset != 7 || read.PartitionLeaderEpoch != 3 || read.LastOffsetDelta != 499 ||
				read.FirstTimestamp != 1000 ||
				read.MaxTimestamp != 1499 || read.ProducerID != 9 || read.ProducerEpoch != 2 ||
				read.FirstSequence != 5 || read.NumRecords != 500 {
				t.Errorf("franz-go reads %+v", read)
			}
			rest, err := decompressor.Decompress(read.Records, kgo.CompressionCodecType(codec))
			if err != nil {
				t.Fatal(err)
			}
			for i := range 500 {
				size, n := binary.Varint(rest)
				var r kmsg.Record
				if err := r.ReadFrom(rest[:n+int(size)]); err != nil {
					t.Fatal(err)
				}
				if string(r.Key) != fmt.Sprintf("key-%d", i) || len(r.Value) != 3*i || r.OffsetDelta != int32(i) ||
					r.Headers[0].Key != "h" {
					t.Errorf("franz-go reads %+v", r)
				}
				rest = rest[n+int(size):]
			}
		})
	}
}

// franzBatch is a batch of three records as franz-go encodes and compresses it.
func franzBatch(tb testing.TB, codec kgo.CompressionCodec, number Codec) Batch {
	tb.Helper()
	var records []byte
	for i := range 3 {
		r := kmsg.Record{
			TimestampDelta64: int64(i), OffsetDelta: int32(i), Key: fmt.Appendf(nil, "key-%d", i),
			Value: []byte(strings.Repeat("value ", 100)), Headers: []kmsg.Header{{Key: "h", Value: nil}},
		}
		body := r.AppendTo(nil)[1:] // without the length, which here is the byte of zero
		records = append(binary.AppendVarint(records, int64(len(body))), body...)
	}
	compressor, err := kgo.DefaultCompressor(codec)
	if err != nil {
		tb.Fatal(err)
	}
	if compressor != nil {
		records, _ = compressor.Compress(new(bytes.Buffer), records)
	}
	batch := kmsg.RecordBatch{
		Length: int32(HeaderSize - LogOverhead + len(records)), Magic: 2, Attributes: int16(number), LastOffsetDelta: 2,
		FirstTimestamp: 1000, MaxTimestamp: 1002, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 3,
		Records: records,
	}
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

func TestWhatFranzGoEncodesIsReadInEveryCodec(t *testing.T) {
	for number, codec := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(),
		kgo.ZstdCompression(),
	} {
		b, err := ParseProduced(franzBatch(t, codec, Codec(number)), 9)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Check(b, Rules{Now: 1000, Before: 10, After: 10}); err != nil {
			t.Errorf("%v: Check() = %v", Codec(number), err)
		}
		got, err := read(b)
		if err != nil || len(got) != 3 || string(got[2].Key) != "key-2" || got[2].Timestamp != 1002 ||
			len(got[2].Value) != 600 || got[2].Headers[0].Key != "h" || got[2].Headers[0].Value != nil {
			t.Errorf("%v: read %+v, %v", Codec(number), got, err)
		}
	}
}

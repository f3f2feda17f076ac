package differential

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// The two records of each batch below, one after the other.
var (
	firstPacked  = harness.AppendRecord(nil, kmsg.Record{Value: []byte("first")})
	secondPacked = harness.AppendRecord(nil, kmsg.Record{OffsetDelta: 1, Value: []byte("second")})
	bothPacked   = slices.Concat(firstPacked, secondPacked)
)

// packed is a batch of two records whose compressed form consists of these parts.
func packed(codec int16, parts ...[]byte) []byte {
	return harness.SealedBatch(slices.Concat(parts...), 2, func(b *kmsg.RecordBatch) { b.Attributes = codec })
}

// altered is b with the byte at this place, counted from the end when negative, changed.
func altered(b []byte, at int, change byte) []byte {
	b = bytes.Clone(b)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= change
	return b
}

// cut is b without its last bytes.
func cut(b []byte, by int) []byte { return b[:len(b)-by] }

func lz4Frame(records []byte, options ...lz4.Option) []byte {
	var out bytes.Buffer
	w := lz4.NewWriter(&out)
	if err := w.Apply(append([]lz4.Option{lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)},
		options...)...); err != nil {
		panic(err)
	}
	w.Write(records)
	w.Close()
	return out.Bytes()
}

// gzipWith is a gzip member whose header has these flags, and what they announce.
func gzipWith(flags byte, fields ...byte) []byte {
	member := gzipped(bothPacked)
	return slices.Concat(member[:3], []byte{flags}, member[4:10], fields, member[10:])
}

func xerialStream(records []byte) []byte { return xerial.Encode(nil, records) }

// zstdWindow is a frame that has a window size and no content size.
func zstdWindow(records []byte, window int) []byte {
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	w.Write(records[:1])
	w.Flush()
	w.Write(records[1:])
	w.Close()
	return out.Bytes()
}

// skippable is a zstd frame that a decoder skips, which claims to hold this many bytes.
func skippable(claimed uint32, held ...byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x184D2A53)
	return append(binary.LittleEndian.AppendUint32(b, claimed), held...)
}

// compressedForms are the forms that one batch can have in each codec, whether they are allowed or not.
var compressedForms = []struct {
	name string
	data []byte
}{
	{"lz4", packed(3, lz4Frame(bothPacked))},
	{"lz4 in blocks of 4 MiB", packed(3, lz4Frame(bothPacked, lz4.BlockSizeOption(lz4.Block4Mb)))},
	{"lz4 with block checksums", packed(3, lz4Frame(bothPacked, lz4.BlockChecksumOption(true)))},
	{"lz4 with a wrong block checksum", packed(3, altered(lz4Frame(bothPacked, lz4.BlockChecksumOption(true)), -5, 1))},
	{"lz4 with its size", packed(3, lz4Frame(bothPacked, lz4.SizeOption(uint64(len(bothPacked)))))},
	{"lz4 with a wrong size", packed(3, lz4Frame(make([]byte, 77), lz4.SizeOption(77))[:15], lz4Frame(bothPacked)[7:])},
	{"lz4 with a content checksum", packed(3, lz4Frame(bothPacked, lz4.ChecksumOption(true)))},
	{"lz4 with a wrong content checksum", packed(3, altered(lz4Frame(bothPacked, lz4.ChecksumOption(true)), -1, 1))},
	{"lz4 without its content checksum", packed(3, cut(lz4Frame(bothPacked, lz4.ChecksumOption(true)), 4))},
	{"lz4 with a wrong header checksum", packed(3, altered(lz4Frame(bothPacked), 6, 1))},
	{"two lz4 frames", packed(3, lz4Frame(firstPacked), lz4Frame(secondPacked))},
	{"an empty lz4 frame in front", packed(3, lz4Frame(nil), lz4Frame(bothPacked))},
	{"an empty lz4 frame behind", packed(3, lz4Frame(bothPacked), lz4Frame(nil))},
	{"a lz4 frame behind", packed(3, lz4Frame(bothPacked), lz4Frame(secondPacked))},
	{"bytes behind lz4", packed(3, lz4Frame(bothPacked), []byte("rest"))},
	{"a skippable frame in front of lz4", packed(3, skippable(1, 'x'), lz4Frame(bothPacked))},
	{"lz4 without its end", packed(3, cut(lz4Frame(bothPacked), 4))},
	{"half an end of lz4", packed(3, cut(lz4Frame(bothPacked), 2))},
	{"lz4 cut short", packed(3, cut(lz4Frame(bothPacked), 6))},
	{"lz4 of linked blocks", packed(3, altered(lz4Frame(bothPacked), 4, 0x20))},

	{"gzip of both", packed(1, gzipped(bothPacked))},
	{"two gzip members", packed(1, gzipped(firstPacked), gzipped(secondPacked))},
	{"an empty gzip member in front", packed(1, gzipped(nil), gzipped(bothPacked))},
	{"an empty gzip member behind", packed(1, gzipped(bothPacked), gzipped(nil))},
	{"a gzip member of more behind", packed(1, gzipped(bothPacked), gzipped(firstPacked))},
	{"a byte behind gzip", packed(1, gzipped(bothPacked), []byte("r"))},
	{"bytes behind gzip", packed(1, gzipped(bothPacked), []byte("the rest of all that was left behind"))},
	{"zeros behind gzip", packed(1, gzipped(bothPacked), make([]byte, 100))},
	{"half a gzip header behind", packed(1, gzipped(bothPacked), gzipped(nil)[:5])},
	{"half a gzip member behind", packed(1, gzipped(bothPacked), cut(gzipped(firstPacked), 12))},
	{"a reserved gzip flag", packed(1, gzipWith(0x20))},
	{"all reserved gzip flags", packed(1, gzipWith(0xe0))},
	{"a gzip name", packed(1, gzipWith(0x08, 'n', 0))},
	{"a gzip comment", packed(1, gzipWith(0x10, 'n', 0))},
	{"a gzip extra field", packed(1, gzipWith(0x04, 2, 0, 'e', 'x'))},
	{"a gzip name that does not end", packed(1, gzipWith(0x08)[:12])},
	{"a wrong gzip header checksum", packed(1, gzipWith(0x02, 1, 2))},
	{"a wrong gzip checksum", packed(1, altered(gzipped(bothPacked), -6, 1))},
	{"a wrong gzip size", packed(1, altered(gzipped(bothPacked), -1, 1))},
	{"gzip without its trailer", packed(1, cut(gzipped(bothPacked), 8))},
	{"gzip with half its trailer", packed(1, cut(gzipped(bothPacked), 4))},
	{"gzip of another method", packed(1, altered(gzipped(bothPacked), 2, 1))},

	{"bare snappy", packed(2, s2.EncodeSnappy(nil, bothPacked))},
	{"bytes behind bare snappy", packed(2, s2.EncodeSnappy(nil, bothPacked), []byte{0})},
	{"xerial snappy", packed(2, xerialStream(bothPacked))},
	{"two xerial streams", packed(2, xerialStream(firstPacked), xerialStream(secondPacked))},
	{"an empty xerial stream in front", packed(2, xerialStream(nil), xerialStream(bothPacked))},
	{"an empty xerial stream behind", packed(2, xerialStream(bothPacked), xerialStream(nil))},
	{"half a xerial header behind", packed(2, xerialStream(bothPacked), xerialStream(nil)[:9])},
	{"a xerial header of other bytes behind", packed(2, xerialStream(bothPacked), altered(xerialStream(nil), 6, 1))},
	{"a xerial header of version 0 behind", packed(2, xerialStream(bothPacked), altered(xerialStream(nil), 11, 1))},
	{"a byte behind xerial", packed(2, xerialStream(bothPacked), []byte{0})},
	{"two bytes behind xerial", packed(2, xerialStream(bothPacked), []byte{0, 7})},
	{"three bytes behind xerial", packed(2, xerialStream(bothPacked), []byte{0, 7, 7})},
	{"a xerial block of nothing behind", packed(2, xerialStream(bothPacked), []byte{0, 0, 0, 0})},
	{"a xerial block that is empty behind", packed(2, xerialStream(bothPacked), []byte{0, 0, 0, 1, 0})},
	{"a xerial block cut short behind", packed(2, xerialStream(bothPacked), []byte{0, 0, 0, 9, 1})},
	{"a negative xerial length behind", packed(2, xerialStream(bothPacked), []byte{0xff, 0xff, 0xff, 0xff})},
	{"xerial of version 0", packed(2, altered(xerialStream(bothPacked), 11, 1))},
	{"xerial of version 7", packed(2, altered(xerialStream(bothPacked), 11, 6))},
	{"xerial that is compatible to version 7", packed(2, altered(xerialStream(bothPacked), 15, 6))},
	{"xerial cut short", packed(2, cut(xerialStream(bothPacked), 1))},
	{"a xerial header alone", packed(2, xerialStream(nil))},
	{"half a xerial header alone", packed(2, xerialStream(nil)[:12])},

	{"zstd of both", packed(4, zstandard(bothPacked))},
	{"two zstd frames", packed(4, zstandard(firstPacked), zstandard(secondPacked))},
	{"an empty zstd frame in front", packed(4, []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0}, zstandard(bothPacked))},
	{"an empty zstd frame behind", packed(4, zstandard(bothPacked), []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0})},
	{"zstd with a window of 8 MiB, then of 16", packed(4, zstdWindow(firstPacked, 8<<20),
		zstdWindow(secondPacked, 16<<20))},
	{"zstd with a window of 16 MiB, then of 8", packed(4, zstdWindow(firstPacked, 16<<20),
		zstdWindow(secondPacked, 8<<20))},
	{"zstd with a window of 128 MiB", packed(4, zstdWindow(bothPacked, 128<<20))},
	{"zstd with a window of 256 MiB", packed(4, zstdWindow(bothPacked, 256<<20))},
	{"a skippable zstd frame in front", packed(4, skippable(1, 'x'), zstandard(bothPacked))},
	{"a skippable zstd frame between", packed(4, zstandard(firstPacked), skippable(1, 'x'), zstandard(secondPacked))},
	{"a skippable zstd frame between, then a large window", packed(4, zstandard(firstPacked), skippable(1, 'x'),
		zstdWindow(secondPacked, 16<<20))},
	{"a skippable zstd frame behind", packed(4, zstandard(bothPacked), skippable(1, 'x'))},
	{"a cut skippable zstd frame behind", packed(4, zstandard(bothPacked), skippable(100, 'x'))},
	{"half a skippable zstd header behind", packed(4, zstandard(bothPacked), skippable(100)[:5])},
	{"a cut skippable zstd frame alone", packed(4, skippable(100, 'x'))},
	{"a zstd magic behind", packed(4, zstandard(bothPacked), zstandard(bothPacked)[:4])},
	{"half a zstd magic behind", packed(4, zstandard(bothPacked), zstandard(bothPacked)[:2])},
	{"half a zstd frame behind", packed(4, zstandard(bothPacked), cut(zstandard(firstPacked), 8))},
	{"a zstd frame without checksum behind", packed(4, zstandard(bothPacked), cut(zstandard(firstPacked), 4))},
	{"bytes behind zstd", packed(4, zstandard(bothPacked), []byte("rest of it"))},
	{"a byte behind zstd", packed(4, zstandard(bothPacked), []byte("r"))},
	{"zeros behind zstd", packed(4, zstandard(bothPacked), make([]byte, 8))},
	{"zstd with a wrong checksum", packed(4, altered(zstandard(bothPacked), -1, 1))},
	{"zstd without its checksum", packed(4, cut(zstandard(bothPacked), 4))},
	{"zstd cut short", packed(4, cut(zstandard(bothPacked), 6))},
}

// codecSteps check which forms are accepted. The log at the end shows what a consumer reads of them.
var codecSteps = func() []step {
	steps := slices.Concat(made("forms", 1), made("disputed", 1))
	for _, form := range compressedForms {
		steps = append(steps, on(form.name, 9, 9, produce("forms", these(form.data))))
	}
	return append(steps,
		on("the log of forms at the end", 12, 12, fetch("forms", 0)),
		on("a gzip header behind", 9, 9, produce("disputed", these(packed(1, gzipped(bothPacked), gzipped(nil)[:10])))),
	)
}()

// ofSize is a batch of one record that takes n bytes.
func ofSize(n int, edit ...func(*kmsg.RecordBatch)) []byte {
	value := make([]byte, n)
	for {
		b := harness.SealedBatch(harness.AppendRecord(nil, kmsg.Record{Value: value}), 1, func(b *kmsg.RecordBatch) {
			for _, e := range edit {
				e(b)
			}
		})
		if len(b) == n {
			return b
		}
		value = value[:len(value)-(len(b)-n)]
	}
}

// unpacking is a batch in gzip that takes about n bytes when it is decompressed.
func unpacking(n int) []byte {
	return harness.SealedBatch(gzipped(harness.AppendRecord(nil, kmsg.Record{Value: make([]byte, n)})), 1,
		func(b *kmsg.RecordBatch) {
			b.Attributes = 1
		})
}

// sizeSteps check which of several limits a batch exceeds first: as it is sent, and as it is written.
var sizeSteps = slices.Concat(
	made("short", 1, "segment.bytes", "1048576"), made("narrow", 1, "max.message.bytes", "100000", "compression.type",
		"gzip"),
	made("shrinking", 1, "segment.bytes", "1048576", "max.message.bytes", "5000000", "compression.type", "gzip"),
	made("growing", 1, "segment.bytes", "1048576", "max.message.bytes", "5000000", "compression.type", "uncompressed"),
	made("grown", 1, "max.message.bytes", "1000000", "compression.type", "uncompressed"),
	made("both", 1, "segment.bytes", "1048576", "max.message.bytes", "2000000", "compression.type", "uncompressed"),
	[]step{
		on("more than a batch or a segment may be", 3, 13, produce("short", these(ofSize(1_100_000)))),
		on("as much as a segment", 13, 13, produce("short", these(ofSize(1<<20)))),
		on("more than a segment", 3, 13, produce("short", these(ofSize(1<<20+1)))),
		on("as much as a batch may be", 13, 13, produce("short", these(ofSize(1<<20+12)))),
		on("more than a batch may be", 13, 13, produce("short", these(ofSize(1<<20+13)))),
		on("more than a segment, and wrong", 13, 13, produce("short", these(ofSize(1<<20+1, func(b *kmsg.RecordBatch) {
			b.NumRecords = 3
		})))),
		on("more than a batch may be, and wrong", 13, 13, produce("short", these(ofSize(1<<20+13, func(b *kmsg.RecordBatch) {
			b.NumRecords = 3
		})))),
		on("more than a segment, which becomes less", 13, 13, produce("shrinking", these(ofSize(2_000_000)))),
		on("more than a batch may be, which would become less", 13, 13, produce("narrow", these(ofSize(200_000)))),
		on("little that becomes more than a segment", 13, 13, produce("growing", these(unpacking(3_000_000)))),
		on("little that becomes more than a batch may be", 13, 13, produce("grown", these(unpacking(1_100_000)))),
		on("little that becomes more than both", 13, 13, produce("both", these(unpacking(3_000_000)))),
	})

package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

var (
	firstHalf  = []byte(strings.Repeat("0123456789abcdef", 100))
	secondHalf = []byte(strings.Repeat("ghijklmn", 200))
	bothHalves = slices.Concat(firstHalf, secondHalf)
)

// compressed returns data under a codec, as this package writes it.
func compressed(tb testing.TB, codec Codec, data []byte) []byte {
	tb.Helper()
	out, err := Compress(nil, codec, 0, data)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// lz4With returns data in an LZ4 frame of these options.
func lz4With(tb testing.TB, data []byte, options ...lz4.Option) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := lz4.NewWriter(&out)
	if err := w.Apply(options...); err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// gzipFlags returns a gzip member with these flags, and with the fields that they announce.
func gzipFlags(tb testing.TB, data []byte, flags byte, fields string) []byte {
	member := compressed(tb, Gzip, data)
	return slices.Concat(member[:3], []byte{flags}, member[4:10], []byte(fields), member[10:])
}

// zstdSingle returns data in a frame whose window is its whole size.
func zstdSingle(tb testing.TB, data []byte) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(true))
	if err != nil {
		tb.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// damaged returns b with a byte, counted from the end when at is negative, changed.
func damaged(b []byte, at int) []byte {
	b = bytes.Clone(b)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 1
	return b
}

// What test/differential has asked Apache Kafka: its broker takes these forms, and its consumers read them.
func TestEveryFormThatKafkaReadsIsRead(t *testing.T) {
	xerialFirst, xerialSecond := compressed(t, Snappy, firstHalf), compressed(t, Snappy, secondHalf)
	xerial := compressed(t, Snappy, bothHalves)
	frame := compressed(t, LZ4, bothHalves)
	member := compressed(t, Gzip, bothHalves)
	zstdFirst, zstdSecond := compressed(t, Zstd, firstHalf), compressed(t, Zstd, secondHalf)
	skippable := []byte("\x53\x2a\x4d\x18\x03\x00\x00\x00abc")
	for name, c := range map[string]struct {
		codec Codec
		data  []byte
	}{
		"lz4 in blocks of 4 MiB": {LZ4, lz4With(t, bothHalves, lz4.BlockSizeOption(lz4.Block4Mb))},
		"lz4 with all checksums": {
			LZ4, lz4With(t, bothHalves, lz4.BlockChecksumOption(true), lz4.ChecksumOption(true)),
		},
		"lz4 with its size":            {LZ4, lz4With(t, bothHalves, lz4.SizeOption(uint64(len(bothHalves))))},
		"a wrong lz4 content checksum": {LZ4, damaged(lz4With(t, bothHalves, lz4.ChecksumOption(true)), -1)},
		"bytes behind an lz4 frame":    {LZ4, slices.Concat(frame, []byte("rest"))},
		"an lz4 frame behind another":  {LZ4, slices.Concat(frame, frame)},
		"two gzip members": {
			Gzip, slices.Concat(compressed(t, Gzip, firstHalf), compressed(t, Gzip, secondHalf)),
		},
		"bytes behind a gzip member": {
			Gzip, slices.Concat(member, []byte("rest of something that is longer than a trailer")),
		},
		"a reserved gzip flag":            {Gzip, gzipFlags(t, bothHalves, 0x20, "")},
		"gzip with all fields but one":    {Gzip, gzipFlags(t, bothHalves, 0x1c, "\x02\x00exname\x00comment\x00")},
		"bare snappy":                     {Snappy, s2.EncodeSnappy(nil, bothHalves)},
		"two xerial streams":              {Snappy, slices.Concat(xerialFirst, xerialSecond)},
		"an empty xerial stream in front": {Snappy, slices.Concat(xerial[:xerialHeader], xerial)},
		"three bytes behind xerial":       {Snappy, slices.Concat(xerial, []byte{0, 0, 1})},
		"an empty xerial block":           {Snappy, slices.Concat(xerial, []byte{0, 0, 0, 1, 0})},
		"what looks like a xerial header": {Snappy, slices.Concat(xerial, damaged(xerial, 6))},
		"two zstd frames":                 {Zstd, slices.Concat(zstdFirst, zstdSecond)},
		"zstd frames to be passed over": {
			Zstd, slices.Concat(skippable, zstdFirst, skippable, zstdSecond, skippable),
		},
		"zstd of one segment":              {Zstd, zstdSingle(t, bothHalves)},
		"a cut frame to be passed over":    {Zstd, slices.Concat(zstdFirst, zstdSecond, skippable[:10])},
		"the magic of a zstd frame":        {Zstd, slices.Concat(zstdFirst, zstdSecond, zstdFirst[:4])},
		"half the magic of a zstd frame":   {Zstd, slices.Concat(zstdFirst, zstdSecond, zstdFirst[:2])},
		"half the magic of a skipped one":  {Zstd, slices.Concat(zstdFirst, zstdSecond, skippable[:2])},
		"a zstd header without its blocks": {Zstd, slices.Concat(zstdFirst, zstdSecond, zstdFirst[:6])},
	} {
		if out, err := Decompress(c.codec, c.data, Limits{}); err != nil || !bytes.Equal(out, bothHalves) {
			t.Errorf("%s: Decompress() = %d bytes, %v", name, len(out), err)
		}
	}
}

func TestWindowsOfZstdMayGrowFromFrameToFrame(t *testing.T) {
	line := []byte("a line")
	var frames, want []byte
	for _, window := range []int{1 << 20, zstdStreamWindow, 2 * zstdStreamWindow, 1 << 20, zstdWindow} {
		frames = append(frames, zstdFrame(t, line, window)...)
		want = append(want, "a line\n"...)
	}
	if out, err := Decompress(Zstd, frames, Limits{}); err != nil || !bytes.Equal(out, want) {
		t.Errorf("Decompress() = %q, %v", out, err)
	}
	if _, err := Decompress(Zstd, zstdFrame(t, line, 2*zstdWindow), Limits{}); !errors.Is(err, fault.InvalidRecord) {
		t.Errorf("a window of 256 MiB: %v", err)
	}
	large := bytes.Repeat([]byte("0123456789"), zstdStreamWindow/8)
	if out, err := Decompress(Zstd, zstdSingle(t, large), Limits{}); err != nil || !bytes.Equal(out, large) {
		t.Errorf("a segment of %d bytes: %d bytes, %v", len(large), len(out), err)
	}
}

// Consumers stop in front of these for good.
func TestWhatHidesRecordsFromConsumersIsRefused(t *testing.T) {
	plain := produced(t, None, 100, 2000)
	records := plain.Payload()
	member, frame := compressed(t, Gzip, records), compressed(t, LZ4, records)
	zstdWhole := compressed(t, Zstd, records)
	random := make([]byte, zstdInput) // does not shrink
	for i := range random {
		random[i] = byte(xxh32(binary.BigEndian.AppendUint32(nil, uint32(i))))
	}
	var header bytes.Buffer
	w := gzip.NewWriter(&header)
	w.Name = "checked"
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		codec Codec
		data  []byte
	}{
		"records in two lz4 frames": {
			LZ4, slices.Concat(compressed(t, LZ4, records[:500]), compressed(t, LZ4, records[500:])),
		},
		"an empty lz4 frame in front": {LZ4, slices.Concat(compressed(t, LZ4, nil), frame)},
		"lz4 without its end":         {LZ4, frame[:len(frame)-4]},
		"lz4 without its content sum": {LZ4, lz4With(t, records, lz4.ChecksumOption(true))[:len(frame)]},
		"a wrong lz4 header checksum": {LZ4, damaged(frame, 6)},
		"a wrong lz4 block checksum": {
			LZ4, damaged(lz4With(t, records, lz4.BlockChecksumOption(true), lz4.ChecksumOption(false)), -5),
		},
		"an lz4 dictionary":              {LZ4, damaged(frame, 4)},
		"a wrong gzip checksum":          {Gzip, damaged(member, -8)},
		"a wrong gzip size":              {Gzip, damaged(member, -1)},
		"gzip without its trailer":       {Gzip, member[:len(member)-5]},
		"half a gzip member behind":      {Gzip, slices.Concat(member, member[:len(member)/2])},
		"a gzip name that does not end":  {Gzip, gzipFlags(t, records, gzipName, "")[:11]},
		"a gzip field that does not end": {Gzip, gzipFlags(t, nil, gzipExtraField, "\xff\xff")},
		"a wrong gzip header checksum":   {Gzip, gzipFlags(t, records, gzipHeaderSum, "ab")},
		"half a xerial header behind":    {Snappy, slices.Concat(compressed(t, Snappy, records), []byte(xerialMagic))},
		"xerial of version 0 behind": {
			Snappy, slices.Concat(compressed(t, Snappy, records), []byte(xerialMagic), make([]byte, 8)),
		},
		"a xerial block without anything": {Snappy, slices.Concat(compressed(t, Snappy, records), make([]byte, 4))},
		"bytes behind zstd":               {Zstd, slices.Concat(zstdWhole, []byte("rest"))},
		"a byte behind zstd":              {Zstd, slices.Concat(zstdWhole, []byte("r"))},
		"half a zstd frame behind":        {Zstd, slices.Concat(zstdWhole, zstdWhole[:len(zstdWhole)/2])},
		"a cut frame behind much":         {Zstd, slices.Concat(compressed(t, Zstd, random), zstdWhole[:4])},
		"a zstd frame cut short":          {Zstd, zstdWhole[:len(zstdWhole)-1]},
	} {
		b := slices.Concat(plain[:HeaderSize:HeaderSize], c.data)
		put32(b, offLength, int32(len(b)-LogOverhead))
		b[offAttributes+1] = byte(c.codec)
		b.updateCRC()
		if _, err := Check(b, lenient); !errors.Is(err, fault.InvalidRecord) {
			t.Errorf("%s: Check() = %v", name, err)
		}
	}
}

func TestDecodersTakeMemoryForWhatComesAndNotForWhatIsPromised(t *testing.T) {
	frame := lz4With(t, firstHalf, lz4.BlockSizeOption(lz4.Block4Mb), lz4.ChecksumOption(false))
	d := new(lz4Decoder)
	if err := d.begin(frame, Limits{}); err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(d); err != nil || !bytes.Equal(out, firstHalf) {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if most := lz4Ratio * len(frame); cap(d.room) > most {
		t.Errorf("a room of %d bytes for a frame of %d", cap(d.room), len(frame))
	}
}

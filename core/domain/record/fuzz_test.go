package record

import (
	"bytes"
	"errors"
	"testing"

	"github.com/klauspost/compress/s2"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// FuzzNext states that what Next returns and what it leaves are the buffer, and that every accessor is safe.
func FuzzNext(f *testing.F) {
	for _, b := range kafkaLog(f) {
		f.Add([]byte(b))
		f.Add([]byte(b[:len(b)-1]))
	}
	f.Fuzz(func(t *testing.T, buf []byte) {
		b, rest, err := Next(buf)
		_, produced := ParseProduced(buf, 9)
		if err != nil {
			if k := fault.KindOf(err); k != fault.CorruptMessage && k != fault.UnsupportedForMessageFormat ||
				len(rest) != len(buf) {
				t.Fatalf("Next() = %v, %d bytes left", err, len(rest))
			}
			if produced == nil {
				t.Fatal("ParseProduced accepts what Next refuses")
			}
			return
		}
		if !bytes.Equal(append(bytes.Clone(b), rest...), buf) || len(b) != b.Size() {
			t.Fatalf("%d bytes and %d left of %d", len(b), len(rest), len(buf))
		}
		_, _, _ = b.LastSequence(), b.NextOffset(), b.VerifyCRC()
		_, _ = b.DeleteHorizon()
		_, _, _ = b.EndTxn()
		_, _, _ = b.OffsetOfMaxTimestamp(fuzzLimits)
		_, _, _, _ = b.FirstAtOrAfter(b.BaseTimestamp(), 0, fuzzLimits)
		_ = b.Emptied()
	})
}

var fuzzLimits = Limits{Bytes: 1 << 20}

// FuzzRecords states that Records and Check agree on every payload, in every codec, and that what they accept can be
// written again.
func FuzzRecords(f *testing.F) {
	for _, b := range kafkaLog(f) {
		f.Add(uint8(b.Attributes().Codec()), uint16(b.Count()), b.Payload())
	}
	f.Add(uint8(Snappy), uint16(3), s2.EncodeSnappy(nil, kafkaLog(f)[0].Payload()))
	f.Fuzz(func(t *testing.T, codec uint8, count uint16, payload []byte) {
		b := NewBuilder(Options{}).uncompressed()
		b = append(b, payload...)
		put32(b, offLength, int32(len(b)-LogOverhead))
		put32(b, offCount, int32(count))
		put32(b, offLastDelta, int32(count)-1)
		b[offAttributes+1] = codec & 7
		b.updateCRC()

		builder, inOrder, next := NewBuilder(Options{}), true, int32(0)
		var failed error
		for r, err := range b.Records(fuzzLimits) {
			if err != nil {
				failed = err
				break
			}
			inOrder = inOrder && r.OffsetDelta == next
			next++
			for range r.Headers() { // which are known to be well-formed
			}
			builder.Add(int64(next-1), b.TimestampOf(r), r)
		}
		if failed != nil && !errors.Is(failed, fault.InvalidRecord) {
			t.Fatalf("Records() = %v", failed)
		}
		rules := lenient
		rules.Limits = fuzzLimits
		_, err := Check(bytes.Clone(b), rules)
		if accepted := failed == nil && inOrder && count > 0; (err == nil) != accepted {
			t.Fatalf("Check() = %v, Records() = %v, in order %t", err, failed, inOrder)
		}
		if failed != nil {
			return
		}
		again, err := builder.Build()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range again.Records(Limits{}) {
			if err != nil {
				t.Fatalf("record %d of the rebuilt batch: %v", n, err)
			}
			n++
		}
		if n != int(count) {
			t.Fatalf("%d records again, want %d", n, count)
		}
	})
}

// FuzzDecompress states that decompression ends, within the limit, and inverts compression.
func FuzzDecompress(f *testing.F) {
	for _, b := range kafkaLog(f) {
		f.Add(uint8(b.Attributes().Codec()), b.Payload())
	}
	f.Fuzz(func(t *testing.T, number uint8, data []byte) {
		codec := Codec(number % 5)
		out, err := Decompress(codec, data, fuzzLimits)
		if codec != None && (len(out) > fuzzLimits.Bytes || err != nil && !errors.Is(err, fault.InvalidRecord)) {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
		small, err := Compress([]byte("in front"), codec, 0, data)
		if err != nil {
			t.Fatal(err)
		}
		out, err = Decompress(codec, small[len("in front"):], Limits{})
		if err != nil || !bytes.Equal(out, data) {
			t.Fatalf("%v: %x became %x, %v", codec, data, out, err)
		}
	})
}

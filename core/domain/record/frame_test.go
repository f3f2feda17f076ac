package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// small returns an uncompressed batch of n records with timestamps from 1000 on, changed by patch and
// with its checksum right again.
func small(tb testing.TB, n int, patch func(Batch)) Batch {
	tb.Helper()
	builder := NewBuilder(Options{Producer: &Producer{ID: 5, Sequence: 10}})
	for i := range n {
		builder.Append(int64(1000+i), []byte("key"), []byte("value"))
	}
	b, err := builder.Build()
	if err != nil {
		tb.Fatal(err)
	}
	if patch != nil {
		patch(b)
		b.updateCRC()
	}
	return b
}

func put32(b Batch, at int, v int32) { binary.BigEndian.PutUint32(b[at:], uint32(v)) }

func TestNextTellsATornBatchFromACorruptOne(t *testing.T) {
	whole := small(t, 3, nil)
	for n := range len(whole) {
		if _, rest, err := Next(whole[:n]); !errors.Is(err, ErrIncomplete) || !errors.Is(err, fault.CorruptMessage) ||
			len(rest) != n {
			t.Fatalf("Next() of %d of %d bytes = %v", n, len(whole), err)
		}
	}
	for name, c := range map[string]struct {
		patch func(Batch)
		want  fault.Kind
	}{
		"negative length":         {func(b Batch) { put32(b, offLength, -1) }, fault.CorruptMessage},
		"length of the minimum":   {func(b Batch) { put32(b, offLength, 13) }, fault.CorruptMessage},
		"length below the header": {func(b Batch) { put32(b, offLength, 48) }, fault.CorruptMessage},
		"magic of the future":     {func(b Batch) { b[offMagic] = 3 }, fault.CorruptMessage},
		"negative magic":          {func(b Batch) { b[offMagic] = 0xff }, fault.CorruptMessage},
		"magic 1":                 {func(b Batch) { b[offMagic] = 1 }, fault.UnsupportedForMessageFormat},
		"magic 0":                 {func(b Batch) { b[offMagic] = 0 }, fault.UnsupportedForMessageFormat},
	} {
		b := slices.Clone(whole)
		c.patch(b)
		if _, _, err := Next(b); fault.KindOf(err) != c.want || errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: Next() = %v, want %v", name, err, c.want)
		}
	}
}

func TestNextSplitsABufferIntoBatches(t *testing.T) {
	first, second := small(t, 1, nil), small(t, 2, nil)
	b, rest, err := Next(slices.Concat(first, second))
	if err != nil || !bytes.Equal(b, first) || !bytes.Equal(rest, second) || cap(b) != len(b) {
		t.Errorf("Next() = %x, %x, %v", b, rest, err)
	}
	if _, err := Parse(slices.Concat(first, second)); !errors.Is(err, fault.CorruptMessage) {
		t.Errorf("Parse() of two batches = %v", err)
	}
	if _, err := Parse(first); err != nil {
		t.Errorf("Parse() of one batch = %v", err)
	}
}

func TestAProduceRequestCarriesExactlyOneBatchPerPartition(t *testing.T) {
	one := small(t, 2, nil)
	old := slices.Clone(one)
	old[offMagic] = 1
	zstd := small(t, 1, func(b Batch) { b[offAttributes+1] = byte(Zstd) })
	unknown := small(t, 1, func(b Batch) { b[offAttributes+1] = 7 })
	for name, c := range map[string]struct {
		buf     []byte
		version int16
		want    fault.Kind
		text    string
	}{
		"one":                  {one, 3, fault.None, ""},
		"one and a torn one":   {slices.Concat(one, one[:30]), 9, fault.None, ""},
		"one and a stray byte": {slices.Concat(one, []byte{1}), 9, fault.None, ""},
		"two":                  {slices.Concat(one, one), 9, fault.InvalidRecord, "exactly one record batch"},
		"one and zeros": {
			slices.Concat(one, make([]byte, 20)), 9, fault.CorruptMessage, "Record size 0 is less than",
		},
		"none": {
			nil, 9, fault.InvalidRecord,
			"Produce requests with version 9 must have at least one record batch per partition",
		},
		"a torn one": {one[:len(one)-1], 9, fault.InvalidRecord, "at least one record batch"},
		"magic 1": {
			old, 3, fault.InvalidRecord,
			"with version 3 are only allowed to contain record batches with magic version 2",
		},
		"zstd before version 7": {
			zstd, 6, fault.UnsupportedCompressionType, "with version 6 are not allowed to use ZStandard",
		},
		"zstd from version 7 on":  {zstd, 7, fault.None, ""},
		"a codec that is not one": {unknown, 9, fault.UnsupportedCompressionType, "Unknown compression type id: 7"},
		"shorter than its header ": {
			small(t, 1, func(b Batch) { put32(b, offLength, 30) }), 9, fault.CorruptMessage, "the size 42 is smaller",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := ParseProduced(c.buf, c.version)
			if fault.KindOf(err) != c.want || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("ParseProduced() = %v, want %v with %q", err, c.want, c.text)
			}
			if err == nil && len(b) != b.Size() {
				t.Errorf("batch of %d bytes says it has %d", len(b), b.Size())
			}
		})
	}
}

func TestAFlippedBitBehindTheChecksumIsFound(t *testing.T) {
	b := small(t, 2, nil)
	for bit := offCRC * 8; bit < len(b)*8; bit++ {
		b[bit/8] ^= 1 << (bit % 8)
		if err := b.VerifyCRC(); !errors.Is(err, fault.CorruptMessage) {
			t.Fatalf("VerifyCRC() with bit %d flipped = %v", bit, err)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	b.SetBaseOffset(1 << 40)
	b.SetLeaderEpoch(77)
	if err := b.VerifyCRC(); err != nil || b.BaseOffset() != 1<<40 || b.LeaderEpoch() != 77 {
		t.Errorf("patched: %v, base offset %d, leader epoch %d", err, b.BaseOffset(), b.LeaderEpoch())
	}
}

func TestLogAppendTimeReplacesAllTimestamps(t *testing.T) {
	b := small(t, 2, nil)
	b.SetLogAppendTime(5000)
	if err := b.VerifyCRC(); err != nil || !b.LogAppendTime() || b.MaxTimestamp() != 5000 {
		t.Errorf("%v, attributes %b, max timestamp %d", err, b.Attributes(), b.MaxTimestamp())
	}
	got, err := read(b)
	if err != nil || got[0].Timestamp != 5000 || got[1].Timestamp != 5000 {
		t.Errorf("read %+v, %v", got, err)
	}
	b.SetMaxTimestamp(1001)
	if err := b.VerifyCRC(); err != nil || b.LogAppendTime() || b.MaxTimestamp() != 1001 {
		t.Errorf("%v, attributes %b, max timestamp %d", err, b.Attributes(), b.MaxTimestamp())
	}
}

func TestSequencesWrapFrom2To31Minus1To0(t *testing.T) {
	const top = 1<<31 - 1
	for _, c := range []struct{ seq, n, want int32 }{
		{0, 0, 0}, {5, 3, 8}, {top, 1, 0}, {top - 1, 3, 1}, {top, top, top - 1},
	} {
		if got := AddSequence(c.seq, c.n); got != c.want {
			t.Errorf("AddSequence(%d, %d) = %d, want %d", c.seq, c.n, got, c.want)
		}
		if got := SubSequence(c.want, c.n); got != c.seq {
			t.Errorf("SubSequence(%d, %d) = %d, want %d", c.want, c.n, got, c.seq)
		}
	}
	if b := small(t, 3, func(b Batch) { put32(b, offSequence, top-1) }); b.LastSequence() != 0 {
		t.Errorf("LastSequence() = %d, want 0", b.LastSequence())
	}
	if b := small(t, 3, func(b Batch) { put32(b, offSequence, NoSequence) }); b.LastSequence() != NoSequence {
		t.Errorf("LastSequence() without sequence = %d", b.LastSequence())
	}
}

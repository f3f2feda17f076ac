package record

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// plain is a record as a test wants to see it.
type plain struct {
	Offset, Timestamp int64
	Key, Value        []byte
	Headers           []Header
}

// read returns the batch's records, copied.
func read(b Batch) ([]plain, error) {
	var all []plain
	for r, err := range b.Records(Limits{}) {
		if err != nil {
			return all, err
		}
		p := plain{
			Offset: b.BaseOffset() + int64(r.OffsetDelta), Timestamp: b.TimestampOf(r), Key: bytes.Clone(r.Key),
			Value: bytes.Clone(r.Value),
		}
		for h := range r.Headers() {
			p.Headers = append(p.Headers, Header{Key: h.Key, Value: bytes.Clone(h.Value)})
		}
		all = append(all, p)
	}
	return all, nil
}

// sameBytes compares bytes fast, and tells nil from empty.
var sameBytes = cmp.Comparer(func(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) })

// drawField draws bytes that may be nil, mostly small and now and then larger than the window.
func drawField(t *rapid.T, name string) []byte {
	switch rapid.IntRange(0, 9).Draw(t, name+" kind") {
	case 0:
		return nil
	case 1:
		return bytes.Repeat([]byte{byte(rapid.IntRange(0, 255).Draw(t, name))},
			rapid.IntRange(0, 3*windowSize).Draw(t, name+" size"))
	}
	return rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, name)
}

func TestABuiltBatchReadsBackAsItWasInEveryCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		codec := Codec(rapid.IntRange(int(None), int(Zstd)).Draw(t, "codec"))
		base := rapid.Int64Range(0, 1<<40).Draw(t, "base offset")
		builder := NewBuilder(Options{BaseOffset: base, Codec: codec})
		var want []plain
		offset := base
		for range rapid.IntRange(1, 20).Draw(t, "records") {
			p := plain{
				Offset:    offset,
				Timestamp: rapid.Int64Range(-1, 1<<45).Draw(t, "timestamp"),
				Key:       drawField(t, "key"),
				Value:     drawField(t, "value"),
			}
			for range rapid.IntRange(0, 3).Draw(t, "headers") {
				p.Headers = append(p.Headers,
					Header{Key: rapid.String().Draw(t, "header"), Value: drawField(t, "header value")})
			}
			builder.Append(p.Timestamp, p.Key, p.Value, p.Headers...)
			want = append(want, p)
			offset++
		}
		b, err := builder.Build()
		if err != nil {
			t.Fatal(err)
		}
		if b, err = Parse(b); err != nil {
			t.Fatal(err)
		}
		if err := b.VerifyCRC(); err != nil {
			t.Fatal(err)
		}
		got, err := read(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, sameBytes); diff != "" {
			t.Fatalf("records differ (-want +got):\n%s", diff)
		}
		newest := slices.MaxFunc(want, func(a, b plain) int { return int(a.Timestamp - b.Timestamp) })
		if want := newest.Timestamp; b.MaxTimestamp() != want {
			t.Fatalf("MaxTimestamp() = %d, want %d", b.MaxTimestamp(), want)
		}
		b.SetBaseOffset(0)
		info, err := Check(b, Rules{Now: 1 << 44, Before: 1 << 50, After: 1 << 50})
		if err != nil {
			t.Fatal(err)
		}
		first := slices.IndexFunc(want, func(p plain) bool { return p.Timestamp == b.MaxTimestamp() })
		if b.MaxTimestamp() >= 0 && int(info.MaxDelta) != first {
			t.Fatalf("MaxDelta = %d, want %d", info.MaxDelta, first)
		}
	})
}

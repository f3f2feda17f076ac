package record

import (
	"bytes"
	"testing"
)

func TestRecompressChangesTheCodecAndNothingElse(t *testing.T) {
	b := NewBuilder(Options{BaseOffset: 10, Producer: &Producer{ID: 5, Epoch: 1, Sequence: 3}})
	for range 100 {
		b.Append(1000, []byte("key"), bytes.Repeat([]byte("value"), 10))
	}
	plain, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for from := None; from <= Zstd; from++ {
		for to := None; to <= Zstd; to++ {
			src, err := plain.Recompress(from, 0, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := src.Recompress(to, 0, Limits{})
			if err != nil {
				t.Fatalf("%v to %v: %v", from, to, err)
			}
			if got.Attributes().Codec() != to || got.VerifyCRC() != nil || got.Size() != len(got) {
				t.Errorf("%v to %v: codec %v, size %d of %d, %v", from, to, got.Attributes().Codec(), got.Size(),
					len(got), got.VerifyCRC())
			}
			back, err := got.Recompress(None, 0, Limits{})
			if err != nil || !bytes.Equal(back, plain) {
				t.Errorf("%v to %v and back differs: %v", from, to, err)
			}
		}
	}
}

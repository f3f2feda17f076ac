package record

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// produced returns a batch as a client sends it: of about batchBytes before compression, in records of
// recordBytes made of words.
func produced(tb testing.TB, codec Codec, recordBytes, batchBytes int) Batch {
	tb.Helper()
	words := strings.Fields("order customer amount currency shipped pending EUR USD true false null created updated " +
		"item price total")
	random := rand.New(rand.NewPCG(1, 2))
	builder := NewBuilder(Options{Codec: codec, Producer: &Producer{ID: 1}})
	for builder.Size()+recordBytes <= batchBytes || builder.Len() == 0 {
		var value []byte
		for len(value) < recordBytes {
			value = fmt.Appendf(value, "%s:%d,", words[random.IntN(len(words))], random.IntN(1000))
		}
		builder.Append(int64(1000+builder.Len()), fmt.Appendf(nil, "key-%d", random.IntN(1000)), value[:recordBytes])
	}
	b, err := builder.Build()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func BenchmarkCheck(b *testing.B) {
	for _, codec := range []Codec{None, LZ4, Zstd, Snappy, Gzip} {
		for _, recordBytes := range []int{1024, 100} {
			b.Run(fmt.Sprintf("%s/%dB", codec, recordBytes), func(b *testing.B) {
				batch := produced(b, codec, recordBytes, 16<<10)
				rules := Rules{Topic: "orders", Now: 1000, Before: 1 << 40, After: 1 << 40}
				b.SetBytes(16 << 10)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Check(batch, rules); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkRecords(b *testing.B) {
	for _, codec := range []Codec{None, LZ4} {
		b.Run(codec.String(), func(b *testing.B) {
			batch := produced(b, codec, 100, 16<<10)
			b.SetBytes(16 << 10)
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range batch.Records(Limits{}) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	value := make([]byte, 100)
	builder := NewBuilder(Options{})
	b.ReportAllocs()
	for b.Loop() {
		builder.Reset(Options{})
		for range 100 {
			builder.Append(1000, nil, value)
		}
		if _, err := builder.Build(); err != nil {
			b.Fatal(err)
		}
	}
}

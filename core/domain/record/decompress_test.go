package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

func TestALengthThatPromisesMoreThanComesCostsLittleMemory(t *testing.T) {
	records := binary.AppendVarint(nil, DefaultBytes-100) // the size of the first record, of which nothing follows
	small, err := Compress(nil, Gzip, 0, records)
	if err != nil {
		t.Fatal(err)
	}
	in, err := inflate(Gzip, small, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.release()
	c := cursor{src: in, left: 1 << 40}
	var r Record
	if err := c.next(&r, true); !errors.Is(err, fault.InvalidRecord) || !errors.Is(in.err, io.EOF) {
		t.Errorf("next() = %v, %v", err, in.err)
	}
	if len(in.window) != windowSize {
		t.Errorf("window of %d bytes", len(in.window))
	}
}

// allocated returns how many bytes do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// zstdFrame returns what data is in a zstd frame that asks for a window and does not tell its size, as
// Java clients write it.
func zstdFrame(t *testing.T, data []byte, window int) []byte {
	t.Helper()
	var frame bytes.Buffer
	w, err := zstd.NewWriter(&frame, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for part := range bytes.SplitSeq(data, []byte{'\n'}) {
		if _, err := w.Write(append(part, '\n')); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return frame.Bytes()
}

func TestALargeZstdWindowCostsNoMoreMemoryThanWhatComesOut(t *testing.T) {
	text := []byte(strings.Repeat("a line\n", 10) + "a last line")
	for _, window := range []int{64 << 10, zstdStreamWindow, 2 * zstdStreamWindow, zstdWindow} {
		frame := zstdFrame(t, text, window)
		got := allocated(func() {
			out, err := Decompress(Zstd, frame, Limits{})
			if err != nil || !bytes.Equal(out, append(text, '\n')) {
				t.Errorf("window of %d bytes: %q, %v", window, out, err)
			}
		})
		if got > zstdStreamWindow+4<<20 {
			t.Errorf("window of %d bytes: %d bytes allocated", window, got)
		}
	}
	frame := zstdFrame(t, text, zstdWindow)
	if _, err := Decompress(Zstd, frame, Limits{Bytes: 80}); !errors.Is(err, fault.InvalidRecord) ||
		!strings.Contains(err.Error(), "larger than 80 bytes") {
		t.Errorf("Decompress() beyond its limit = %v", err)
	}
}

func TestWhatKafkasClientsCannotReadIsRefused(t *testing.T) {
	text := []byte(strings.Repeat("0123456789abcdef", 100))
	var linked bytes.Buffer
	w := lz4.NewWriter(&linked)
	if err := w.Apply(lz4.LegacyOption(true)); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dependent, err := Compress(nil, LZ4, 0, text)
	if err != nil {
		t.Fatal(err)
	}
	dependent[4] &^= 0x20
	framed, err := Compress(nil, Snappy, 0, text)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		codec Codec
		data  []byte
	}{
		"lz4's legacy frame":            {LZ4, linked.Bytes()},
		"an lz4 frame of linked blocks": {LZ4, dependent},
		"nothing as lz4":                {LZ4, nil},
		"nothing as gzip":               {Gzip, nil},
		"nothing as zstd":               {Zstd, nil},
		"s2's extension of snappy": {
			Snappy, s2.EncodeBest(nil, []byte(strings.Repeat("abcdefgh1234", 50)+strings.Repeat("abcdefgh1235", 50))),
		},
		"snappy that claims the moon": {Snappy, []byte{0xff, 0xff, 0xff, 0x7f, 0}},
		"a snappy block cut short":    {Snappy, framed[:len(framed)-1]},
		"a negative length in snappy": {Snappy, append(bytes.Clone(framed), 0xff, 0xff, 0xff, 0xff)},
		"a codec that is not one":     {7, text},
	} {
		if out, err := Decompress(c.codec, c.data, Limits{}); !errors.Is(err, fault.InvalidRecord) {
			t.Errorf("%s: Decompress() = %d bytes, %v", name, len(out), err)
		}
	}
}

func TestSnappyIsReadBareAndFramed(t *testing.T) {
	text := []byte(strings.Repeat("0123456789abcdef", 10000)) // more than a block of the framing
	framed, err := Compress(nil, Snappy, 0, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{framed, s2.EncodeSnappy(nil, text)} {
		if out, err := Decompress(Snappy, data, Limits{}); err != nil || !bytes.Equal(out, text) {
			t.Errorf("%d bytes, %v", len(out), err)
		}
	}
}

func TestEveryLevelOfKafkasConfigsCompresses(t *testing.T) {
	text := []byte(strings.Repeat("the quick brown fox ", 1000))
	for codec, levels := range map[Codec][]Level{
		None: {0}, Snappy: {0}, Gzip: {0, -1, 1, 5, 9}, LZ4: {0, 1, 8, 9, 10, 17}, Zstd: {0, -131072, -5, 1, 3, 22},
	} {
		for _, level := range levels {
			small, err := Compress(nil, codec, level, text)
			if err != nil {
				t.Fatal(err)
			}
			out, err := Decompress(codec, small, Limits{})
			if err != nil || !bytes.Equal(out, text) || codec != None && len(small) > len(text)/4 {
				t.Errorf("%v level %d: %d bytes became %d, %v", codec, level, len(small), len(out), err)
			}
		}
	}
	for codec, levels := range map[Codec][]Level{
		None: {1}, Snappy: {1}, Gzip: {-2, 10}, LZ4: {-1, 18}, Zstd: {-131073, 23},
	} {
		for _, level := range levels {
			if err := CheckLevel(codec, level); !errors.Is(err, fault.InvalidConfig) {
				t.Errorf("CheckLevel(%v, %d) = %v", codec, level, err)
			}
			if _, err := Compress(nil, codec, level, text); !errors.Is(err, fault.InvalidConfig) {
				t.Errorf("Compress(%v, %d) = %v", codec, level, err)
			}
		}
	}
}

func TestCodecsHaveKafkasNames(t *testing.T) {
	for name, want := range map[string]Codec{
		"none": None, "uncompressed": None, "gzip": Gzip, "snappy": Snappy, "lz4": LZ4, "zstd": Zstd,
	} {
		if got, err := ParseCodec(name); got != want || err != nil {
			t.Errorf("ParseCodec(%q) = %v, %v", name, got, err)
		}
	}
	if _, err := ParseCodec("producer"); !errors.Is(err, fault.InvalidConfig) {
		t.Errorf("ParseCodec() = %v", err)
	}
	if got := Codec(6).String(); got != "codec 6" || Zstd.String() != "zstd" {
		t.Errorf("%v, %v", got, Zstd)
	}
}

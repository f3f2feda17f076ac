package record

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// gzipDecoder reads one or several gzip members.
type gzipDecoder struct {
	gzip.Reader
	in bytes.Reader
}

func (d *gzipDecoder) begin(src []byte, _ int) error {
	d.in.Reset(src)
	return d.Reset(&d.in)
}

func (d *gzipDecoder) end() { d.in.Reset(nil) }

// zstdDecoder reads zstd frames as a stream: what it holds of the output is its window.
type zstdDecoder struct {
	*zstd.Decoder
	in bytes.Reader
}

// zstdWindow is the largest window that a frame may ask for: what zstd itself allows unless told otherwise,
// and what its level 22 asks for.
const zstdWindow = 128 << 20

func newZstdDecoder() *zstdDecoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), // no goroutines
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow))
	if err != nil {
		panic(err) // the options are constant and valid
	}
	return &zstdDecoder{Decoder: d}
}

func (d *zstdDecoder) begin(src []byte, _ int) error {
	d.in.Reset(src)
	return d.Reset(&d.in)
}

func (d *zstdDecoder) end() { d.in.Reset(nil) }

// lz4Decoder reads the LZ4 frames that Kafka's Lz4BlockInputStream reads.
type lz4Decoder struct {
	*lz4.Reader
	in bytes.Reader
}

var errLZ4Frame = errors.New("not an LZ4 frame of version 1 with independent blocks")

func newLZ4Decoder() *lz4Decoder { return &lz4Decoder{Reader: lz4.NewReader(nil)} }

// begin refuses the frames that Kafka's clients could not read although the library can.
func (d *lz4Decoder) begin(src []byte, _ int) error {
	const (
		magic        = 0x184D2204
		flags        = 4
		kinds        = 0xe0 // the flags' bits for the version and for independent blocks
		wanted       = 0x60
		shortestHead = 7
	)
	if len(src) < shortestHead || binary.LittleEndian.Uint32(src) != magic || src[flags]&kinds != wanted {
		return errLZ4Frame
	}
	d.in.Reset(src)
	d.Reset(&d.in)
	return nil
}

func (d *lz4Decoder) end() { d.in.Reset(nil) }

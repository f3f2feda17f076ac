package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

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

// zstdDecoder reads zstd frames as a stream, which takes memory for their window before anything is
// decompressed; frames with a large window are decompressed at once, which takes what comes out.
type zstdDecoder struct {
	stream *zstd.Decoder
	in     bytes.Reader
	whole  []byte // unread, of a frame that was decompressed at once
	atOnce bool
}

const (
	// zstdStreamWindow is the largest window that is read as a stream: all levels up to 19 have none larger.
	zstdStreamWindow = 8 << 20
	// zstdWindow is the largest window that a frame may ask for: what zstd itself allows unless told otherwise,
	// and what its level 22 asks for even when there is little to compress.
	zstdWindow = 128 << 20
	// zstdFirstRoom is what a frame that is decompressed at once is thought to need.
	zstdFirstRoom = 1 << 20
)

func newZstdDecoder() *zstdDecoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), // no goroutines
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdStreamWindow))
	if err != nil {
		panic(err) // the options are constant and valid
	}
	return &zstdDecoder{stream: d}
}

func (d *zstdDecoder) begin(src []byte, limit int) error {
	var head zstd.Header
	if err := head.Decode(src); err != nil {
		return err
	}
	if d.atOnce = head.WindowSize > zstdStreamWindow; d.atOnce {
		return d.decodeAll(src, limit)
	}
	d.in.Reset(src)
	return d.stream.Reset(&d.in)
}

// decodeAll decompresses src at once. The library's own limit on the output also is one on the window, hence the
// attempts with room that doubles.
func (d *zstdDecoder) decodeAll(src []byte, limit int) error {
	all, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return err
	}
	defer all.Close()
	for room := min(limit, zstdFirstRoom); ; room = min(limit, 2*room) {
		d.whole, err = all.DecodeAll(src, make([]byte, 0, room))
		switch {
		case !errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return err
		case room == limit:
			return tooLarge(limit)
		}
	}
}

// Read implements io.Reader.
func (d *zstdDecoder) Read(p []byte) (int, error) {
	if !d.atOnce {
		return d.stream.Read(p)
	}
	if len(d.whole) == 0 {
		return 0, io.EOF
	}
	n := copy(p, d.whole)
	d.whole = d.whole[n:]
	return n, nil
}

func (d *zstdDecoder) end() {
	d.in.Reset(nil)
	d.whole = nil
}

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

package record

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/snappy/xerial"
)

// Snappy comes in two forms: as a bare block, and as blocks in the framing of xerial's Java library, which
// Kafka's own client writes. Kafka reads both.
const (
	xerialMagic  = "\x82SNAPPY\x00"
	xerialHeader = 16 // magic, version, lowest compatible version

	// snappyRatio is above the highest compression ratio of snappy: a copy of 64 bytes takes three.
	snappyRatio = 22
)

var errSnappyBlock = errors.New("snappy block is cut short or claims an impossible size")

// snappyDecoder reads both forms as xerial's SnappyInputStream does: streams may follow each other, and up to three
// bytes after the last block, which are too few for a length, are ignored.
type snappyDecoder struct {
	blocks
	framed bool
	limit  int // of a block's decompressed size
}

func (d *snappyDecoder) begin(src []byte, limit Limits) error {
	d.src, d.unread, d.limit = src, nil, limit.bytes()
	d.framed = len(src) >= xerialHeader && string(src[:len(xerialMagic)]) == xerialMagic
	if d.framed {
		d.src = src[xerialHeader:]
	}
	return nil
}

// Read implements io.Reader.
func (d *snappyDecoder) Read(p []byte) (int, error) { return d.read(p, d.next) }

// next decompresses one block.
func (d *snappyDecoder) next() error {
	src := d.src
	if d.framed {
		var err error
		if src, err = d.frame(); err != nil {
			return err
		}
	} else {
		if len(src) == 0 {
			return io.EOF
		}
		d.src = nil
	}
	size, err := s2.DecodedLen(src)
	switch {
	case err != nil:
		return err
	case size > snappyRatio*len(src):
		return errSnappyBlock
	case size > d.limit:
		return tooLarge(d.limit)
	}
	// Strict: the faster s2.Decode also reads an extension that Kafka's clients cannot read.
	d.unread, err = snappy.DecodeStrict(d.grown(size), src)
	return err
}

// frame returns the next block of the framing. It skips the header of a further stream.
func (d *snappyDecoder) frame() ([]byte, error) {
	const length = 4
	for len(d.src) >= length && string(d.src[:length]) == xerialMagic[:length] {
		switch {
		case len(d.src) < xerialHeader:
			return nil, errSnappyBlock
		case string(d.src[:len(xerialMagic)]) != xerialMagic:
			return nil, io.EOF // looks like a header and is none: xerial ends the stream here
		case int32(binary.BigEndian.Uint32(d.src[len(xerialMagic):])) < 1: // the version
			return nil, errSnappyBlock
		}
		d.src = d.src[xerialHeader:]
	}
	if len(d.src) < length {
		return nil, io.EOF
	}
	size := int(int32(binary.BigEndian.Uint32(d.src)))
	rest := d.src[length:]
	if size < 0 || size > len(rest) {
		return nil, errSnappyBlock
	}
	d.src = rest[size:]
	return rest[:size], nil
}

// appendSnappy appends src to dst in xerial's framing, which every Kafka client reads.
func appendSnappy(dst, src []byte) []byte {
	return append(dst, xerial.Encode(nil, src)...)
}

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

	// snappyRatio is more than snappy can shrink anything: a copy of 64 bytes takes three.
	snappyRatio = 22
	// snappyKeep is the largest block buffer that an idle decoder keeps.
	snappyKeep = 256 << 10
)

var errSnappyBlock = errors.New("snappy block is cut short or claims an impossible size")

// snappyDecoder reads both forms.
type snappyDecoder struct {
	src    []byte // what is left
	framed bool
	limit  int // of a block's decompressed size
	block  []byte
	unread []byte // of block
}

func (d *snappyDecoder) begin(src []byte, limit int) error {
	d.src, d.unread, d.limit = src, nil, limit
	d.framed = len(src) >= xerialHeader && string(src[:len(xerialMagic)]) == xerialMagic
	if d.framed {
		d.src = src[xerialHeader:]
	}
	return nil
}

func (d *snappyDecoder) end() {
	d.src, d.unread = nil, nil
	if cap(d.block) > snappyKeep {
		d.block = nil
	}
}

// Read implements io.Reader.
func (d *snappyDecoder) Read(p []byte) (int, error) {
	for len(d.unread) == 0 {
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.unread)
	d.unread = d.unread[n:]
	return n, nil
}

// next decompresses one block.
func (d *snappyDecoder) next() error {
	if len(d.src) == 0 {
		return io.EOF
	}
	src := d.src
	d.src = nil
	if d.framed {
		if len(src) < 4 {
			return errSnappyBlock
		}
		size := int(int32(binary.BigEndian.Uint32(src)))
		src = src[4:]
		if size < 0 || size > len(src) {
			return errSnappyBlock
		}
		src, d.src = src[:size], src[size:]
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
	d.block, err = snappy.DecodeStrict(d.block[:cap(d.block)], src)
	d.unread = d.block
	return err
}

// appendSnappy appends src to dst in xerial's framing, which every Kafka client reads.
func appendSnappy(dst, src []byte) []byte {
	return append(dst, xerial.Encode(nil, src)...)
}

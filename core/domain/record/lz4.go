package record

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/pierrec/lz4/v4"
)

// lz4Decoder reads an LZ4 frame as Kafka's Lz4BlockInputStream does (KIP-57): a single frame of version 1 with
// independent blocks. It does not compare the frame's content size and checksum with the output, and ignores bytes
// after the frame.
type lz4Decoder struct {
	blocks
	largest    int // decompressed size of a block
	blockSum   bool
	contentSum bool
	ended      bool
}

// The layout of a frame: magic, two bytes of flags, the content size if the flags say so, one byte of the header's
// checksum, then blocks with their sizes in front.
const (
	lz4Magic      = 0x184D2204
	lz4Descriptor = 4 // position of the flags
	lz4Plain      = 1 << 31

	lz4Kinds       = 0xe3 // bits of the first byte: version, independent blocks, reserved
	lz4Kind        = 0x60
	lz4BlockSum    = 1 << 4
	lz4Size        = 1 << 3
	lz4ContentSum  = 1 << 2
	lz4Reserved    = 0x8f // reserved bits of the second byte
	lz4SmallestMax = 4    // the number for blocks of 64 KiB; each further one means blocks four times as large

	// lz4Ratio is above the highest compression ratio of LZ4: each byte of a length stands for 255.
	lz4Ratio = 256
)

var (
	errLZ4Frame    = errors.New("not an LZ4 frame of version 1 with independent blocks")
	errLZ4Block    = errors.New("LZ4 block is larger than its frame allows")
	errLZ4Checksum = errors.New("LZ4 block does not match its checksum")
)

func (d *lz4Decoder) begin(src []byte, _ Limits) error {
	const shortest = lz4Descriptor + 3
	if len(src) < shortest || binary.LittleEndian.Uint32(src) != lz4Magic || src[lz4Descriptor]&lz4Kinds != lz4Kind {
		return errLZ4Frame
	}
	flags, sizes := src[lz4Descriptor], src[lz4Descriptor+1]
	size := sizes >> 4
	if sizes&lz4Reserved != 0 || size < lz4SmallestMax {
		return errLZ4Frame
	}
	end := lz4Descriptor + 2
	if flags&lz4Size != 0 {
		end += 8
	}
	if len(src) <= end || src[end] != byte(xxh32(src[lz4Descriptor:end])>>8) {
		return errLZ4Frame
	}
	d.src, d.unread, d.ended = src[end+1:], nil, false
	d.largest = 64 << 10 << (2 * (size - lz4SmallestMax))
	d.blockSum, d.contentSum = flags&lz4BlockSum != 0, flags&lz4ContentSum != 0
	return nil
}

// Read implements io.Reader.
func (d *lz4Decoder) Read(p []byte) (int, error) { return d.read(p, d.next) }

// next decompresses one block.
func (d *lz4Decoder) next() error {
	if d.ended {
		return io.EOF
	}
	head, err := d.take(4)
	if err != nil {
		return err
	}
	size := binary.LittleEndian.Uint32(head)
	if size == 0 {
		if d.contentSum {
			if _, err := d.take(4); err != nil {
				return err
			}
		}
		d.ended = true
		return io.EOF
	}
	plain := size&lz4Plain != 0
	if size &^= lz4Plain; int(size) > d.largest {
		return errLZ4Block
	}
	block, err := d.take(int(size))
	if err != nil {
		return err
	}
	if d.blockSum {
		sum, err := d.take(4)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint32(sum) != xxh32(block) {
			return errLZ4Checksum
		}
	}
	if plain {
		d.unread = block
		return nil
	}
	room := d.grown(min(d.largest, lz4Ratio*len(block)))
	n, err := lz4.UncompressBlock(block, room)
	d.unread = room[:max(n, 0)]
	return err
}

// take returns the next n bytes.
func (d *lz4Decoder) take(n int) ([]byte, error) {
	if len(d.src) < n {
		return nil, io.ErrUnexpectedEOF
	}
	taken := d.src[:n]
	d.src = d.src[n:]
	return taken, nil
}

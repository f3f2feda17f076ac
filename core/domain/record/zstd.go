package record

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdDecoder reads zstd frames as zstd-jni's ZstdInputStream does, which Kafka uses. It reads a frame as a stream,
// which needs memory for the whole window before anything is decompressed. It decompresses a frame with a large window
// at once instead, which needs memory for the output only.
type zstdDecoder struct {
	src    []byte // frames that are not begun yet
	size   int    // of all frames, in bytes
	limit  Limits
	taken  int64  // bytes of limit's budget
	unread []byte // the rest of a frame that was decompressed at once
	stream *zstd.Decoder
	in     bytes.Reader // what stream reads: one frame
	reads  bool         // stream is reading a frame
}

const (
	// zstdStreamWindow is the largest window that is read as a stream. No level up to 19 has a larger one.
	zstdStreamWindow = 8 << 20
	// zstdWindow is the largest window that a frame may ask for. It is zstd's own default limit, and level 22 asks for
	// it even when there is little to compress.
	zstdWindow = 128 << 20
	// zstdFirstRoom is the first guess of the output's size for a frame that is decompressed at once. It is not taken
	// from the budget.
	zstdFirstRoom = 1 << 20
	// zstdInput is the size of the input buffer of Kafka's reader. That reader ignores a frame that is cut short within
	// its header if the same buffer holds the end of a complete frame.
	zstdInput = 128 << 10
)

var errZstdWindow = errors.New("zstd frame asks for a window of more than 128 MiB")

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

func (d *zstdDecoder) begin(src []byte, limit Limits) error {
	d.src, d.size, d.limit = src, len(src), limit
	return d.next()
}

// Read implements io.Reader.
func (d *zstdDecoder) Read(p []byte) (int, error) {
	for {
		if d.reads {
			n, err := d.stream.Read(p)
			if errors.Is(err, io.EOF) {
				d.reads, err = false, nil
			}
			if n > 0 || err != nil {
				return n, err
			}
		}
		if len(d.unread) > 0 {
			n := copy(p, d.unread)
			d.unread = d.unread[n:]
			return n, nil
		}
		if err := d.next(); err != nil {
			return 0, err
		}
	}
}

// next begins the next frame.
func (d *zstdDecoder) next() error {
	if len(d.src) == 0 {
		return io.EOF
	}
	head, size, err := firstZstdFrame(d.src)
	if errors.Is(err, io.ErrUnexpectedEOF) && len(d.src) < d.size && d.size <= zstdInput {
		return io.EOF
	}
	if err != nil {
		return err
	}
	frame := d.src[:size]
	d.src = d.src[size:]
	window := head.WindowSize
	if head.SingleSegment {
		window = head.FrameContentSize
	}
	switch {
	case head.Skippable:
		return nil
	case window > zstdWindow:
		return errZstdWindow
	case window > zstdStreamWindow:
		return d.decodeAll(frame)
	}
	d.reads = true
	d.in.Reset(frame)
	return d.stream.Reset(&d.in)
}

// firstZstdFrame returns the header and the size of the frame at the start of src. The error is io.ErrUnexpectedEOF
// when src ends before the frame's first block, or within a skippable frame. When src ends later in the frame, the size
// is that of the available bytes.
func firstZstdFrame(src []byte) (head zstd.Header, size int, err error) {
	if len(src) < 4 && !beginsZstdMagic(src) {
		return head, 0, zstd.ErrMagicMismatch
	}
	if err := head.Decode(src); err != nil {
		return head, 0, err
	}
	size = head.HeaderSize
	if head.Skippable {
		if uint64(len(src)) < uint64(size)+uint64(head.SkippableSize) {
			return head, 0, io.ErrUnexpectedEOF
		}
		return head, size + int(head.SkippableSize), nil
	}
	const (
		blockHeader = 3 // one bit for the last block, two for its type, and the size
		repeated    = 1 // the type of a block that repeats one byte
		checksum    = 4
	)
	if len(src) < size+blockHeader {
		return head, 0, io.ErrUnexpectedEOF
	}
	for last := false; !last && len(src) >= size+blockHeader; {
		block := int(src[size]) | int(src[size+1])<<8 | int(src[size+2])<<16
		size += blockHeader
		if last = block&1 != 0; block>>1&3 == repeated {
			size++
		} else {
			size += block >> 3
		}
		if last && head.HasCheckSum {
			size += checksum
		}
	}
	return head, min(size, len(src)), nil
}

// beginsZstdMagic reports whether src, which is shorter than a magic number, is a prefix of that of a frame or of a
// skippable frame.
func beginsZstdMagic(src []byte) bool {
	const frame, skippable = "\x28\xb5\x2f\xfd", "\x50\x2a\x4d\x18"
	kind := append([]byte{src[0] & 0xf0}, src[1:]...) // the low four bits are free for applications
	return string(src) == frame[:len(src)] || string(kind) == skippable[:len(src)]
}

// decodeAll decompresses a frame at once. The library's own limit on the output would also limit the window, hence the
// attempts with output buffers that double in size.
func (d *zstdDecoder) decodeAll(frame []byte) error {
	all, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return err
	}
	defer all.Close()
	most := d.limit.bytes()
	for room := min(most, zstdFirstRoom); ; room = min(most, 2*room) {
		if room > zstdFirstRoom && d.taken == 0 {
			d.taken = d.limit.Budget.take(int64(most))
		}
		d.unread, err = all.DecodeAll(frame, make([]byte, 0, room))
		switch {
		case !errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return err
		case room == most:
			return tooLarge(most)
		}
	}
}

func (d *zstdDecoder) end() {
	d.in.Reset(nil)
	d.src, d.unread, d.reads = nil, nil, false
	d.limit.Budget.give(d.taken)
	d.limit, d.taken = Limits{}, 0
}

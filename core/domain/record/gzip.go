package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// gzipDecoder reads gzip members (RFC 1952) as Java's GZIPInputStream does, which Kafka uses. It reads one member after
// the other, ignores reserved flags, and ignores bytes after the last member that do not begin another one.
type gzipDecoder struct {
	in     bytes.Reader
	src    []byte // what in reads
	stream io.ReadCloser
	sum    uint32 // of the member
	size   uint32 // of the member, modulo 2^32
}

// The parts of a member's header, and the flags of the optional ones.
const (
	gzipMagic      = "\x1f\x8b\x08" // with the only compression method, deflate
	gzipHeader     = 10             // magic, flags, time, extra flags, operating system
	gzipTrailer    = 8              // checksum and size
	gzipHeaderSum  = 1 << 1
	gzipExtraField = 1 << 2
	gzipName       = 1 << 3
	gzipComment    = 1 << 4
)

var (
	errGzipHeader  = errors.New("not a gzip header")
	errGzipTrailer = errors.New("gzip checksum or size does not match")
)

func (d *gzipDecoder) begin(src []byte, _ Limits) error {
	body, err := gzipBody(src)
	if err != nil {
		return err
	}
	return d.member(body)
}

// member begins to read the deflated stream at the start of body.
func (d *gzipDecoder) member(body []byte) error {
	d.src, d.sum, d.size = body, 0, 0
	d.in.Reset(body)
	if d.stream == nil {
		d.stream = flate.NewReader(&d.in)
		return nil
	}
	return d.stream.(flate.Resetter).Reset(&d.in, nil)
}

func (d *gzipDecoder) end() {
	d.src = nil
	d.in.Reset(nil)
}

// Read implements io.Reader.
func (d *gzipDecoder) Read(p []byte) (int, error) {
	for {
		n, err := d.stream.Read(p)
		d.sum = crc32.Update(d.sum, crc32.IEEETable, p[:n])
		d.size += uint32(n)
		if errors.Is(err, io.EOF) {
			err = d.next()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next checks the trailer of the member that has ended, and begins the next one if there is one.
func (d *gzipDecoder) next() error {
	rest := d.src[len(d.src)-d.in.Len():]
	if len(rest) < gzipTrailer {
		return io.ErrUnexpectedEOF
	}
	if binary.LittleEndian.Uint32(rest) != d.sum || binary.LittleEndian.Uint32(rest[4:]) != d.size {
		return errGzipTrailer
	}
	body, err := gzipBody(rest[gzipTrailer:])
	if err != nil {
		return io.EOF
	}
	return d.member(body)
}

// gzipBody returns the bytes after the header of the member at the start of src.
func gzipBody(src []byte) ([]byte, error) {
	if len(src) < gzipHeader || string(src[:len(gzipMagic)]) != gzipMagic {
		return nil, errGzipHeader
	}
	flags, body := src[len(gzipMagic)], src[gzipHeader:]
	if flags&gzipExtraField != 0 {
		if len(body) < 2 || len(body)-2 < int(binary.LittleEndian.Uint16(body)) {
			return nil, errGzipHeader
		}
		body = body[2+int(binary.LittleEndian.Uint16(body)):]
	}
	for _, text := range [...]byte{gzipName, gzipComment} {
		if flags&text == 0 {
			continue
		}
		end := bytes.IndexByte(body, 0)
		if end < 0 {
			return nil, errGzipHeader
		}
		body = body[end+1:]
	}
	if flags&gzipHeaderSum != 0 {
		sum := uint16(crc32.ChecksumIEEE(src[:len(src)-len(body)]))
		if len(body) < 2 || binary.LittleEndian.Uint16(body) != sum {
			return nil, errGzipHeader
		}
		body = body[2:]
	}
	return body, nil
}

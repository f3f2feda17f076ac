package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// gzipDecoder reads the gzip members that Java's GZIPInputStream reads, with which Kafka does (RFC 1952): one after the
// other, with reserved flags passed over, and nothing behind the last one looked at that does not begin a member.
type gzipDecoder struct {
	in     bytes.Reader
	src    []byte // what in reads
	stream io.ReadCloser
	sum    uint32 // of the member
	size   uint32 // of the member, modulo 2^32
}

// The parts of a member's header, and the flags for those that need not be there.
const (
	gzipMagic      = "\x1f\x8b\x08" // with the only method that there is, deflate
	gzipHeader     = 10             // magic, flags, time, and two bytes about how it was made
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

// member starts on the deflated stream at the beginning of body.
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

// next checks the trailer of the member that has ended and starts on what follows it, if that is one.
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

// gzipBody returns what follows the header of the member that src begins with.
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

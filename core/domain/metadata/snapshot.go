package metadata

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// A snapshot is the magic, a version (4 bytes), the entities, an empty key, and the CRC-32C of everything before it (4
// bytes). An entity is its key and its value, each with 4 bytes of length before it. Numbers are big-endian.
const (
	snapshotMagic   = "CHRKMETA"
	snapshotVersion = 1
)

// maxSnapshotField is the largest length of a key or value in a snapshot, in bytes.
const maxSnapshotField = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// EncodeImage writes img as a snapshot. Equal images give equal bytes.
func EncodeImage(w io.Writer, img *Image) error {
	sum := crc32.New(castagnoli)
	buf := bufio.NewWriterSize(w, 64<<10)
	out := io.MultiWriter(buf, sum)
	if _, err := out.Write(binary.BigEndian.AppendUint32([]byte(snapshotMagic), snapshotVersion)); err != nil {
		return err
	}
	for e := range img.Entities() {
		value, ok, err := img.EncodeEntity(e)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("encode metadata entity %q: it is not there", string(e))
		}
		if err := errors.Join(writeField(out, []byte(e)), writeField(out, value)); err != nil {
			return err
		}
	}
	if err := writeField(out, nil); err != nil {
		return err
	}
	if _, err := buf.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return buf.Flush()
}

// DecodeImage reads the output of EncodeImage. Nothing may follow it. The error is fault.UnsupportedVersion for a newer
// version, and otherwise ErrCorrupt.
func DecodeImage(r io.Reader) (*Image, error) {
	sum := crc32.New(castagnoli)
	in := bufio.NewReaderSize(r, 64<<10)
	summed := io.TeeReader(in, sum)
	if err := readSnapshotStart(summed); err != nil {
		return nil, err
	}
	loader := NewLoader()
	for {
		key, err := readField(summed)
		if err != nil {
			return nil, err
		}
		if len(key) == 0 {
			break
		}
		value, err := readField(summed)
		if err != nil {
			return nil, err
		}
		if err := loader.Add(Entity(key), value); err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
	}
	want := sum.Sum(nil)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in, got); err != nil {
		return nil, fmt.Errorf("%w: snapshot: checksum: %w", ErrCorrupt, err)
	}
	if !bytes.Equal(got, want) {
		return nil, fmt.Errorf("%w: snapshot: checksum %x, computed %x", ErrCorrupt, got, want)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return nil, fmt.Errorf("%w: snapshot: bytes after its end", ErrCorrupt)
	}
	return loader.Image()
}

func readSnapshotStart(r io.Reader) error {
	start := make([]byte, len(snapshotMagic)+4)
	if _, err := io.ReadFull(r, start); err != nil {
		return fmt.Errorf("%w: snapshot: %w", ErrCorrupt, err)
	}
	if !bytes.HasPrefix(start, []byte(snapshotMagic)) {
		return fmt.Errorf("%w: not a metadata snapshot", ErrCorrupt)
	}
	if v := binary.BigEndian.Uint32(start[len(snapshotMagic):]); v != snapshotVersion {
		return fault.New(fault.UnsupportedVersion, "metadata snapshot in version %d, known is %d", v, snapshotVersion)
	}
	return nil
}

func writeField(w io.Writer, field []byte) error {
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field)))); err != nil {
		return err
	}
	_, err := w.Write(field)
	return err
}

// readField reads a length and that many bytes. It allocates as the bytes arrive, so that a damaged length cannot make
// it allocate too much.
func readField(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, fmt.Errorf("%w: snapshot: %w", ErrCorrupt, err)
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	if n > maxSnapshotField {
		return nil, fmt.Errorf("%w: snapshot: a field of %d bytes", ErrCorrupt, n)
	}
	if n <= 4<<10 {
		field := make([]byte, n)
		if _, err := io.ReadFull(r, field); err != nil {
			return nil, fmt.Errorf("%w: snapshot: %w", ErrCorrupt, err)
		}
		return field, nil
	}
	var field bytes.Buffer
	if got, err := io.CopyN(&field, r, n); err != nil {
		return nil, fmt.Errorf("%w: snapshot: a field of %d bytes ends after %d: %w", ErrCorrupt, n, got, err)
	}
	return field.Bytes(), nil
}

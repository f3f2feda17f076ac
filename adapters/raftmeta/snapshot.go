package raftmeta

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// maxNote bounds what a snapshot may say of its note's length, in bytes.
const maxNote = 64 << 20

// writeSnapshot writes the note's length in 4 bytes, the note, and the image's own snapshot. The transport checks that
// they arrive complete.
func writeSnapshot(w io.Writer, img *metadata.Image, note []byte) error {
	if _, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(note))), note...)); err != nil {
		return err
	}
	return metadata.EncodeImage(w, img)
}

// readSnapshot reads what writeSnapshot has written.
func readSnapshot(r io.Reader) (*metadata.Image, []byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, nil, fmt.Errorf("%w: raft note: %w", metadata.ErrCorrupt, err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxNote {
		return nil, nil, fmt.Errorf("%w: a raft note of %d bytes", metadata.ErrCorrupt, n)
	}
	note := make([]byte, n)
	if _, err := io.ReadFull(r, note); err != nil {
		return nil, nil, fmt.Errorf("%w: raft note: %w", metadata.ErrCorrupt, err)
	}
	img, err := metadata.DecodeImage(r)
	return img, note, err
}

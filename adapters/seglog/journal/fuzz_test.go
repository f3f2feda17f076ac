package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
)

// FuzzReplay replays files whose checksums are right and whose fields are anything.
func FuzzReplay(f *testing.F) {
	m := newImage(f, 3, usual)
	src, err := m.fs.Open(m.paths[0], false)
	if err != nil {
		f.Fatal(err)
	}
	size := m.entries[2].pos + m.entries[2].whole - headerSize
	seed := make([]byte, size)
	if _, err := src.ReadAt(seed, headerSize); err != nil {
		f.Fatal(err)
	}
	f.Add(seed, uint64(1))
	f.Add(seed[:size-100], uint64(0))
	f.Add([]byte{}, uint64(7))
	f.Fuzz(func(t *testing.T, body []byte, first uint64) {
		const key = 0x1234567890abcdef
		body = slices.Clone(body)
		le := binary.LittleEndian
		for at := 0; at+entryHeader <= len(body); {
			h := body[at:]
			name, length := int(le.Uint16(h[56:])), int(le.Uint32(h[32:]))
			whole := entryHeader + padded(name)
			if whole > len(h) {
				break
			}
			if whole+length <= len(h) {
				le.PutUint32(h[4:], crc32.Checksum(h[whole:whole+length], castagnoli))
			}
			le.PutUint64(h[8:], key)
			le.PutUint32(h, crc32.Checksum(h[4:whole], castagnoli))
			at += whole + padded(length)
		}
		fs := disktest.New()
		if err := fs.MkdirAll("/journal"); err != nil {
			t.Fatal(err)
		}
		raw, err := fs.Open("/journal/00000000"+suffix, true)
		if err != nil {
			t.Fatal(err)
		}
		file := &file{file: raw, epoch: 3, key: key, first: first}
		if err := file.writeHeader(stateUsed); err != nil {
			t.Fatal(err)
		}
		if _, err := raw.WriteAt(body, headerSize); err != nil {
			t.Fatal(err)
		}
		replayed, group := 0, first
		j, err := Open(fs, "/journal", usual, func(e Entry) error {
			replayed += len(e.Payload) + entryHeader
			if e.Group < group || e.Group > group+1 {
				return fmt.Errorf("group %d follows group %d", e.Group, group)
			}
			group = e.Group
			return nil
		}, allTaken)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		if replayed > len(body) {
			t.Errorf("%d bytes were replayed of %d", replayed, len(body))
		}
		if j != nil {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

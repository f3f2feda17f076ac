package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/ports"
)

// A file begins with two copies of its header, each in a block of its own. Numbers are little-endian:
//
//	0  CRC u32: of what follows it
//	4  magic u32
//	8  epoch u64: the number of this use of a file, higher than all before
//	16 state u32, zeros u32
//	24 key u64: of the entries of this use. Entries of older uses have other keys. As it is random, a client cannot make
//	   up records that look like entries.
//	32 first u64: the number of the first group of this use
const (
	fileMagic   = 0x4b4e5248 // "HRNK"
	blockSize   = 4096
	headerSize  = 2 * blockSize
	headerBytes = 40 // of a copy
)

// States of a journal file, as its header has them.
const (
	stateFree = iota
	stateUsed
	stateCarried // all of it is synced; see carry
)

// file is one journal file.
type file struct {
	path  string
	file  disk.File
	known bool // has an intact header
	state uint32
	epoch uint64
	key   uint64
	first uint64
	ready bool                // written from end to end before, so that a sync has no metadata to write
	logs  map[Log]ports.LogID // with entries in it
}

// readHeader reads the header's newest intact copy, if there is one.
func (f *file) readHeader(wholeSize int64) error {
	size, err := f.file.Size()
	if err != nil {
		return err
	}
	f.ready = size >= wholeSize
	if size < headerSize {
		return nil
	}
	buf := make([]byte, headerSize)
	if _, err := f.file.ReadAt(buf, 0); err != nil {
		return fmt.Errorf("read header of %s: %w", f.path, err)
	}
	le := binary.LittleEndian
	for at := 0; at < headerSize; at += blockSize {
		h := buf[at : at+headerBytes]
		if le.Uint32(h) != crc32.Checksum(h[4:], castagnoli) || le.Uint32(h[4:]) != fileMagic ||
			f.known && le.Uint64(h[8:]) <= f.epoch {
			continue
		}
		f.known = true
		f.epoch = le.Uint64(h[8:])
		f.state = le.Uint32(h[16:])
		f.key = le.Uint64(h[24:])
		f.first = le.Uint64(h[32:])
	}
	return nil
}

// writeHeader writes both copies, without a sync.
func (f *file) writeHeader(state uint32) error {
	f.state, f.known = state, true
	buf := make([]byte, headerSize)
	le := binary.LittleEndian
	for at := 0; at < headerSize; at += blockSize {
		h := buf[at : at+headerBytes]
		le.PutUint32(h[4:], fileMagic)
		le.PutUint64(h[8:], f.epoch)
		le.PutUint32(h[16:], state)
		le.PutUint64(h[24:], f.key)
		le.PutUint64(h[32:], f.first)
		le.PutUint32(h, crc32.Checksum(h[4:], castagnoli))
	}
	_, err := f.file.WriteAt(buf, 0)
	return err
}

// begin begins a new use of the file. The header becomes durable with the first group.
func (f *file) begin(epoch, first uint64) error {
	f.epoch, f.key, f.first = epoch, rand.Uint64(), first
	return f.writeHeader(stateUsed)
}

// release ends the use of the file, durably: its entries must not be replayed again.
func (f *file) release() error {
	if err := f.writeHeader(stateFree); err != nil {
		return err
	}
	return f.file.Sync()
}

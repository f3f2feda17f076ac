package seglog

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"sort"
)

// Sizes of index entries, in Kafka's formats: an offset index maps an offset, less the segment's base, to a position in
// the file; a time index maps the largest timestamp so far to the offset, less the base, of its record. Big-endian.
const (
	indexEntry     = 8
	timeIndexEntry = 12
)

// indexBuffer is how many bytes of new index entries are gathered before they are written.
const indexBuffer = 512

// sparseIndex is an index file: entries on disk, then those that are not written yet. Guarded by directory.mu.
type sparseIndex struct {
	flushed int64  // bytes on disk
	tail    []byte // entries behind them
}

// marks is the number of entries of an offset index.
func (x *sparseIndex) marks() int { return (int(x.flushed) + len(x.tail)) / indexEntry }

// full reports whether enough new entries have gathered to be written.
func (x *sparseIndex) full() bool { return len(x.tail) >= indexBuffer }

// unwritten reports whether there are entries that are not on disk.
func (x *sparseIndex) unwritten() bool { return len(x.tail) > 0 }

func appendIndexEntry(dst []byte, relative int32, position int32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(relative))
	return binary.BigEndian.AppendUint32(dst, uint32(position))
}

// decodeMark returns an entry of an offset index: the last offset of a batch, and where the batch begins.
func decodeMark(base int64, entry []byte) (offset, position int64) {
	return base + int64(binary.BigEndian.Uint32(entry)), int64(binary.BigEndian.Uint32(entry[4:]))
}

func appendTimeIndexEntry(dst []byte, timestamp int64, relative int32) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(timestamp))
	return binary.BigEndian.AppendUint32(dst, uint32(relative))
}

// decodeTimeMark returns an entry of a time index: a timestamp in milliseconds, and the last offset of its batch.
func decodeTimeMark(base int64, entry []byte) (timestamp, offset int64) {
	return int64(binary.BigEndian.Uint64(entry)), base + int64(binary.BigEndian.Uint32(entry[8:]))
}

// indexView is an index as it was at one moment, for a look-up without a lock.
type indexView struct {
	of      *segment
	suffix  string
	flushed int64
	tail    []byte
	size    int // of an entry
}

// offsets returns the offset index for look-ups. The tail's bytes never change, they are only added to. Called with the
// log's lock held.
func (s *segment) offsets() indexView {
	return indexView{of: s, suffix: indexSuffix, flushed: s.index.flushed, tail: s.index.tail, size: indexEntry}
}

// times returns the time index for look-ups. Called with the log's lock held.
func (s *segment) times() indexView {
	return indexView{
		of: s, suffix: timeIndexSuffix, flushed: s.timeIndex.flushed, tail: s.timeIndex.tail, size: timeIndexEntry,
	}
}

// last returns the last entry for which keep is true; the entries for which it is stand before those for which it is
// not. ok is false when there is none. A missing file is an empty index.
func (v indexView) last(keep func(entry []byte) bool) (entry []byte, ok bool, err error) {
	n, err := v.count(keep)
	if err != nil || n == 0 {
		return nil, false, err
	}
	if stored := int(v.flushed) / v.size; n > stored {
		return v.tail[(n-1-stored)*v.size : (n-stored)*v.size], true, nil
	}
	f, err := v.of.dir.files.Acquire(v.of.path(v.suffix), false)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	entry = make([]byte, v.size)
	_, err = f.ReadAt(entry, int64((n-1)*v.size))
	return entry, err == nil, err
}

// count returns how many entries keep is true for; see last.
func (v indexView) count(keep func(entry []byte) bool) (int, error) {
	stored := int(v.flushed) / v.size
	n := sort.Search(len(v.tail)/v.size, func(i int) bool { return !keep(v.tail[i*v.size:]) })
	if n > 0 || stored == 0 {
		return stored + n, nil
	}
	f, err := v.of.dir.files.Acquire(v.of.path(v.suffix), false)
	if err != nil {
		if missing(err) {
			err = nil
		}
		return 0, err
	}
	defer f.Close()
	var buf [timeIndexEntry]byte
	n = sort.Search(stored, func(i int) bool {
		if _, failed := f.ReadAt(buf[:v.size], int64(i*v.size)); failed != nil {
			err = failed
		}
		return !keep(buf[:v.size])
	})
	return n, err
}

// bytesBefore returns how many bytes of the index hold the entries for which keep is true.
func (v indexView) bytesBefore(keep func(entry []byte) bool) (int64, error) {
	n, err := v.count(keep)
	return int64(n * v.size), err
}

// missing reports whether err says that a file does not exist.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

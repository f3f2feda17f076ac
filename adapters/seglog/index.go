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

// sparseIndex is an index file: entries on disk, then those that are not written yet. Guarded by Log.mu.
type sparseIndex struct {
	flushed int64  // bytes on disk
	tail    []byte // entries behind them
}

// marks is the number of entries of an offset index.
func (x *sparseIndex) marks() int { return (int(x.flushed) + len(x.tail)) / indexEntry }

func appendIndexEntry(dst []byte, relative int32, position int32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(relative))
	return binary.BigEndian.AppendUint32(dst, uint32(position))
}

func appendTimeIndexEntry(dst []byte, timestamp int64, relative int32) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(timestamp))
	return binary.BigEndian.AppendUint32(dst, uint32(relative))
}

// indexView is an index as it was at one moment, for a look-up without a lock.
type indexView struct {
	log     *Log
	path    string
	flushed int64
	tail    []byte
	size    int
}

// view returns x for look-ups. The tail's bytes never change, they are only added to.
func (l *Log) view(base int64, suffix string, x *sparseIndex, size int) indexView {
	return indexView{log: l, path: l.path(base, suffix), flushed: x.flushed, tail: x.tail, size: size}
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
	f, err := v.log.store.files.acquire(v.path, false)
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
	if n := sort.Search(len(v.tail)/v.size, func(i int) bool { return !keep(v.tail[i*v.size:]) }); n > 0 || stored == 0 {
		return stored + n, nil
	}
	f, err := v.log.store.files.acquire(v.path, false)
	if err != nil {
		if missing(err) {
			err = nil
		}
		return 0, err
	}
	defer f.Close()
	var buf [timeIndexEntry]byte
	n := sort.Search(stored, func(i int) bool {
		if _, failed := f.ReadAt(buf[:v.size], int64(i*v.size)); failed != nil {
			err = failed
		}
		return !keep(buf[:v.size])
	})
	return n, err
}

// missing reports whether err says that a file does not exist.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrDamaged says that a journal file holds intact entries behind a damaged one that had been synced: what is lost was
// acknowledged.
var ErrDamaged = errors.New("journal is damaged")

// replay hands the entries of all files in use to visit. It returns how many there were, and the newest group.
func (fl *files) replay(visit func(Entry) error) (entries int, group uint64, err error) {
	previous := uint64(0) // epoch of the file before, 0 for none
	for _, f := range fl.found {
		if f.state != stateUsed {
			continue
		}
		r := &reader{file: f}
		if r.size, err = f.file.Size(); err != nil {
			return entries, group, err
		}
		r.follows = previous != 0 && previous+1 == f.epoch
		n, last, err := r.replay(group, visit)
		if err != nil {
			return entries, group, fmt.Errorf("replay %s: %w", f.path, err)
		}
		entries += n
		group, previous = max(group, last), f.epoch
	}
	return entries, group, nil
}

// replay replays one file up to its end or its torn tail; before is the last group of the file before.
func (r *reader) replay(before uint64, visit func(Entry) error) (entries int, group uint64, err error) {
	left := 0 // entries of the group that are still to come
	for pos := int64(headerSize); ; {
		h, payload, ok, err := r.entry(pos)
		if err != nil {
			return entries, group, err
		}
		if !ok {
			torn := group
			switch {
			case entries == 0 && r.follows:
				torn = before + 1
			case entries > 0 && left == 0:
				torn++ // what is torn, if anything, is the group after the last whole one
			}
			return entries, group, r.checkTail(pos, torn)
		}
		if entries == 0 && r.follows && h.group != before+1 {
			return 0, 0, fmt.Errorf("%w: group %d follows group %d", ErrDamaged, h.group, before)
		}
		group, left = h.group, h.left
		if err := visit(Entry{ID: h.id, BaseOffset: h.offset, Previous: h.previous, Group: h.group, Payload: payload}); err != nil {
			return entries, group, err
		}
		entries++
		pos += int64(h.size + padded(h.length))
	}
}

// reader reads entries with a window, so that small ones cost few system calls.
type reader struct {
	file    *file
	size    int64
	follows bool // the file before was in use, too: its groups and this one's are consecutive
	window  []byte
	at      int64 // position of the window
}

const readWindow = 256 << 10

// bytes returns n bytes at pos, fewer at the end of the file. They are valid until the next call.
func (r *reader) bytes(pos int64, n int) ([]byte, error) {
	if end := r.at + int64(len(r.window)); pos >= r.at && pos+int64(n) <= end {
		return r.window[pos-r.at:][:n], nil
	}
	want := max(n, readWindow)
	if cap(r.window) < want {
		r.window = make([]byte, want)
	}
	r.window = r.window[:max(0, min(int64(want), r.size-pos))]
	r.at = pos
	if _, err := r.file.file.ReadAt(r.window, pos); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return r.window[:min(n, len(r.window))], nil
}

// entry returns the entry at pos; ok is false when there is no intact one of this use of the file.
func (r *reader) entry(pos int64) (h header, payload []byte, ok bool, err error) {
	const longestName = 256
	buf, err := r.bytes(pos, entryHeader+longestName)
	if err != nil {
		return h, nil, false, err
	}
	h, ok = decodeHeader(buf)
	if !ok || h.epoch != r.file.epoch || int64(h.length) > r.size-pos {
		return h, nil, false, nil
	}
	payload, err = r.bytes(pos+int64(h.size), h.length)
	if err != nil || len(payload) < h.length {
		return h, nil, false, err
	}
	return h, payload, crc32.Checksum(payload, castagnoli) == h.payloadCRC, nil
}

// checkTail looks behind the end of the replay, which is in group torn (0: unknown). A crash can tear the last group only, since the next one is
// begun when it is synced: an intact entry of a later group means that synced entries are damaged.
func (r *reader) checkTail(pos int64, torn uint64) error {
	for pos = (pos + 7) &^ 7; pos+entryHeader <= r.size; {
		buf, err := r.bytes(pos, readWindow)
		if err != nil {
			return err
		}
		if len(buf) < entryHeader {
			return nil
		}
		i := 0
		for ; i+entryHeader <= len(buf); i += 8 {
			if binary.LittleEndian.Uint64(buf[i+8:]) != r.file.epoch {
				continue
			}
			h, ok := decodeHeader(buf[i:])
			if ok && torn == 0 {
				torn = h.group
			}
			if ok && h.group > torn {
				return fmt.Errorf("%w: an entry of group %d stands at %d, behind a bad one of group %d", ErrDamaged, h.group, pos+int64(i), torn)
			}
		}
		pos += int64(i)
	}
	return nil
}

// releaseAll marks every replayed file as free, durably, and keeps them for use.
func (fl *files) releaseAll() error {
	for _, f := range fl.found {
		if f.state == stateUsed {
			if err := f.writeHeader(stateFree); err != nil {
				return err
			}
			if err := f.file.Sync(); err != nil {
				return err
			}
		}
	}
	return nil
}

package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrDamaged says that the journal lacks entries that had been synced: what is lost was acknowledged. It is told by an intact entry
// of a later group behind a bad one, or by groups that do not follow one another. Damage to the newest group of all looks
// like the torn end of a group that was never acknowledged, and is taken for that.
var ErrDamaged = errors.New("journal is damaged")

// replay hands the entries of all files in use to visit. It returns how many there were, and the newest group.
func (fl *files) replay(visit func(Entry) error) (entries int, newest uint64, err error) {
	var before *reader
	for _, f := range fl.found {
		if f.known && f.state != stateUsed {
			continue
		}
		r := &reader{file: f, before: before}
		if err := r.replay(visit); err != nil {
			return entries, newest, fmt.Errorf("replay %s: %w", f.path, err)
		}
		if f.known {
			before, newest = r, max(newest, r.group)
		}
		entries += r.entries
	}
	return entries, newest, nil
}

// reader replays one file. It reads with a window, so that small entries cost few system calls.
type reader struct {
	file    *file
	before  *reader // of the file that was in use before, nil for none
	size    int64
	entries int    // that were replayed
	group   uint64 // of the last of them
	left    int    // entries of that group that are still to come
	window  []byte
	at      int64 // position of the window
}

// replay replays the file up to its end or its torn tail.
func (r *reader) replay(visit func(Entry) error) (err error) {
	if r.size, err = r.file.file.Size(); err != nil {
		return err
	}
	if !r.file.known {
		return r.checkHeaderless()
	}
	if err := r.checkFollows(); err != nil {
		return err
	}
	r.group = r.file.first - 1
	for pos := int64(headerSize); ; {
		h, payload, ok, err := r.entry(pos)
		if err != nil {
			return err
		}
		if !ok {
			torn := r.group
			if r.left == 0 {
				torn++ // what is torn, if anything, is the group after the last whole one
			}
			return r.checkTail(pos, torn)
		}
		if r.left > 0 && (h.group != r.group || h.left != r.left-1) || r.left == 0 && h.group != r.group+1 {
			return fmt.Errorf("%w: an entry of group %d stands at %d, behind one of group %d which %d were to follow", ErrDamaged, h.group, pos, r.group, r.left)
		}
		r.group, r.left = h.group, h.left
		if err := visit(Entry{ID: h.id, BaseOffset: h.offset, Previous: h.previous, Group: h.group, Payload: payload}); err != nil {
			return err
		}
		r.entries++
		pos += int64(h.size + padded(h.length))
	}
}

// checkFollows sees that the file before ends where this one begins: that one was full and synced.
func (r *reader) checkFollows() error {
	before := r.before
	if before == nil || before.file.epoch+1 != r.file.epoch {
		return nil // the file between was freed
	}
	if before.left > 0 || before.group+1 != r.file.first {
		return fmt.Errorf("%w: %s ends in group %d, this file begins with group %d", ErrDamaged, before.file.path, before.group, r.file.first)
	}
	return nil
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
	buf, err := r.bytes(pos, longestHeader)
	if err != nil {
		return h, nil, false, err
	}
	h, ok = decodeHeader(buf)
	if !ok || h.key != r.file.key || int64(h.length) > r.size-pos {
		return h, nil, false, nil
	}
	payload, err = r.bytes(pos+int64(h.size), h.length)
	if err != nil || len(payload) < h.length {
		return h, nil, false, err
	}
	return h, payload, crc32.Checksum(payload, castagnoli) == h.payloadCRC, nil
}

// scan visits what looks like the header of an entry and has a wanted key, from pos on.
func (r *reader) scan(pos int64, wanted func(key uint64) bool, visit func(pos int64, h header) error) error {
	const step = readWindow - longestHeader // windows overlap by a header
	for pos = (pos + 7) &^ 7; pos+entryHeader <= r.size; pos += step {
		buf, err := r.bytes(pos, readWindow)
		if err != nil {
			return err
		}
		for i := 0; i < step && i+entryHeader <= len(buf); i += 8 {
			if !wanted(binary.LittleEndian.Uint64(buf[i+8:])) {
				continue
			}
			if h, ok := decodeHeader(buf[i:]); ok {
				if err := visit(pos+int64(i), h); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkTail looks behind the end of the replay, which is in group torn. A crash can tear the last group only, since the next
// one is begun when it is synced: an intact entry of a later group means that synced entries are damaged.
func (r *reader) checkTail(pos int64, torn uint64) error {
	return r.scan(pos, func(key uint64) bool { return key == r.file.key }, func(at int64, h header) error {
		if h.group > torn {
			return fmt.Errorf("%w: an entry of group %d stands at %d, behind a bad one of group %d at %d", ErrDamaged, h.group, at, torn, pos)
		}
		return nil
	})
}

// checkHeaderless looks for entries in a file that has no intact header. The first sync of such a file has never returned, so
// it can hold no more than a part of one group.
func (r *reader) checkHeaderless() error {
	seen := make(map[uint64]uint64) // group by key
	return r.scan(headerSize, func(key uint64) bool { return key != 0 }, func(at int64, h header) error {
		group, known := seen[h.key]
		if known && group != h.group {
			return fmt.Errorf("%w: the file's header is bad, and entries of groups %d and %d stand behind it", ErrDamaged, group, h.group)
		}
		seen[h.key] = h.group
		return nil
	})
}

// releaseAll marks every file as free, durably, after the replay. Those that were free may be so in the page cache only, after
// a kill.
func (fl *files) releaseAll() error {
	for _, f := range fl.found {
		free := f.file.Sync
		if f.state == stateUsed {
			free = f.release
		}
		if err := free(); err != nil {
			return err
		}
	}
	return nil
}

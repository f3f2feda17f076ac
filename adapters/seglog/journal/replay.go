package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/chronik-stream/chronik/adapters/internal/invariants"
	"github.com/chronik-stream/chronik/core/ports"
)

// ErrDamaged says that the journal lacks entries that had been synced, of logs that are not known: what is lost was
// acknowledged. The signs are an intact entry of a later group behind a bad header, and groups that do not follow one
// another. Where only a payload is bad, the entry is replayed as damaged, and its log deals with it. Damage to the
// newest group of all looks like the torn end of a group that was never acknowledged, and is taken for that.
var ErrDamaged = errors.New("journal is damaged")

// replayFiles calls visit for the entries of the files that are in use, oldest first. synced says whether all groups in
// them are known to be synced; otherwise the newest one need not be. It returns how many entries there were, and the
// newest group.
func replayFiles(all []*file, synced bool, visit func(Entry) error) (entries int, newest uint64, err error) {
	var before *reader
	for i, f := range all {
		if f.known && f.state == stateFree {
			continue
		}
		r := &reader{file: f, before: before}
		r.full = synced || f.state == stateCarried ||
			slices.ContainsFunc(all[i+1:], func(after *file) bool { return after.known && after.state == stateUsed })
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
	full    bool    // all groups in it were synced: another file was begun behind it
	size    int64
	entries int                      // that were replayed
	group   uint64                   // of the last of them
	left    int                      // entries of that group that are still to come
	torn    map[ports.LogID]struct{} // logs with a torn entry in that group, which is the newest of all
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
		e, ok, err := r.entry(pos)
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
		if r.file.state != stateCarried &&
			(r.left > 0 && (e.group != r.group || e.left != r.left-1) || r.left == 0 && e.group != r.group+1) {
			return fmt.Errorf("%w: an entry of group %d stands at %d, behind one of group %d which %d were to follow",
				ErrDamaged, e.group, pos, r.group, r.left)
		}
		r.group, r.left = e.group, e.left
		if err := r.show(pos, e, visit); err != nil {
			return err
		}
		pos += e.whole()
	}
}

// show calls visit for an entry. One whose payload is bad is damaged if its group was synced, which a later group
// proves. In the newest group of all it is torn. It was never acknowledged, nor were the entries of its log behind it
// in the group; those of other logs there may be whole.
func (r *reader) show(pos int64, e framed, visit func(Entry) error) error {
	if _, torn := r.torn[e.id]; torn {
		return nil
	}
	if !e.intact {
		synced, err := r.synced(e.group, pos+e.whole())
		if err != nil {
			return err
		}
		if !synced {
			if r.torn == nil {
				r.torn = make(map[ports.LogID]struct{})
			}
			r.torn[e.id] = struct{}{}
			return nil
		}
		if e, _, err = r.entry(pos); err != nil { // the window has moved
			return err
		}
	}
	r.entries++
	err := visit(Entry{
		ID: e.id, BaseOffset: e.offset, Previous: e.previous, Group: e.group, Payload: e.payload, Damaged: !e.intact,
	})
	invariants.Mangle(e.payload)
	return err
}

// synced reports whether a group, whose next entry stands at pos, was synced: a later one was begun then.
func (r *reader) synced(group uint64, pos int64) (bool, error) {
	for !r.full {
		e, ok, err := r.entry(pos)
		if err != nil || !ok {
			return false, err
		}
		if e.group > group {
			return true, nil
		}
		pos += e.whole()
	}
	return true, nil
}

// checkFollows returns an error unless the file before ends where this one begins: that one was full and synced.
func (r *reader) checkFollows() error {
	before := r.before
	if before == nil || before.file.epoch+1 != r.file.epoch || before.file.state == stateCarried ||
		r.file.state == stateCarried {
		return nil // the file between was freed, or they are of different runs
	}
	if before.left > 0 || before.group+1 != r.file.first {
		return fmt.Errorf("%w: %s ends in group %d, this file begins with group %d", ErrDamaged, before.file.path,
			before.group, r.file.first)
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

// framed is an entry whose header is intact.
type framed struct {
	header
	payload []byte
	intact  bool // the payload is what was written
}

// whole is the size of header, name and payload.
func (e framed) whole() int64 { return int64(e.size + padded(e.length)) }

// entry returns the entry at pos; ok is false when there is none of this use of the file with an intact header. The
// payload is valid until the next call.
func (r *reader) entry(pos int64) (e framed, ok bool, err error) {
	buf, err := r.bytes(pos, longestHeader)
	if err != nil {
		return e, false, err
	}
	e.header, ok = decodeHeader(buf)
	if !ok || e.key != r.file.key || int64(e.length) > r.size-pos {
		return e, false, nil
	}
	e.payload, err = r.bytes(pos+int64(e.size), e.length)
	if err != nil || len(e.payload) < e.length {
		return e, false, err
	}
	e.intact = crc32.Checksum(e.payload, castagnoli) == e.payloadCRC
	return e, true, nil
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

// checkTail searches behind the end of the replay, which is in group torn. A crash can tear the last group only, since
// the next one is begun when it is synced: an intact entry of a later group means that synced entries are damaged.
func (r *reader) checkTail(pos int64, torn uint64) error {
	return r.scan(pos, func(key uint64) bool { return key == r.file.key }, func(at int64, h header) error {
		if h.group > torn {
			return fmt.Errorf("%w: an entry of group %d stands at %d, behind a bad one of group %d at %d", ErrDamaged, h.group,
				at, torn, pos)
		}
		return nil
	})
}

// checkHeaderless searches a file without an intact header for entries. The first sync of such a file has never
// returned, so it can hold no more than a part of one group.
func (r *reader) checkHeaderless() error {
	seen := make(map[uint64]uint64) // group by key
	return r.scan(headerSize, func(key uint64) bool { return key != 0 }, func(at int64, h header) error {
		group, known := seen[h.key]
		if known && group != h.group {
			return fmt.Errorf("%w: the file's header is bad, and entries of groups %d and %d stand behind it", ErrDamaged, group,
				h.group)
		}
		seen[h.key] = h.group
		return nil
	})
}

// releaseAll marks every file as free, durably, after the replay. Those that were free may be so in the page cache
// only, after a kill. Files that an earlier run has carried over are removed: their entries are in the logs now, or
// were carried over once more.
func (fl *files) releaseAll() error {
	var kept []*file
	for _, f := range fl.found {
		free, carried := f.file.Sync, f.state == stateCarried
		if f.state != stateFree {
			free = f.release
		}
		if err := free(); err != nil {
			return err
		}
		if !carried {
			kept = append(kept, f)
		} else if err := fl.discard(f); err != nil {
			return err
		}
	}
	fl.found = kept
	return nil
}

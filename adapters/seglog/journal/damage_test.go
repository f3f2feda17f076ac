package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// image is a journal in memory after a kill: what its files hold, and where.
type image struct {
	fs      *disktest.FS
	opt     Options
	entries []placed
	paths   []string
}

// placed is an entry in an image.
type placed struct {
	file      int
	pos, size int64 // of the header with the name
	whole     int64 // with the payload
	group     uint64
	offset    int64
}

// newImage makes a journal of n groups with an entry of one log each, and crashes it.
func newImage(tb testing.TB, n int, opt Options) *image {
	tb.Helper()
	fs := disktest.New()
	j, err := Open(fs, "/journal", opt, func(Entry) error { return nil }, allTaken)
	if err != nil {
		tb.Fatal(err)
	}
	l := newTestLog("a")
	for range n {
		l.append(j, testBatch)
		if err := <-l.done; err != nil {
			tb.Fatal(err)
		}
	}
	m := &image{fs: fs.Crash(disktest.Nothing, nil), opt: opt}
	if err := j.Close(); err != nil {
		tb.Fatal(err)
	}
	m.locate(tb)
	return m
}

// locate finds the entries.
func (m *image) locate(tb testing.TB) {
	tb.Helper()
	fl, err := openFiles(m.fs, "/journal", m.opt)
	if err != nil {
		tb.Fatal(err)
	}
	for i, f := range fl.found {
		m.paths = append(m.paths, f.path)
		if f.state != stateUsed {
			continue
		}
		r := &reader{file: f}
		if r.size, err = f.file.Size(); err != nil {
			tb.Fatal(err)
		}
		for pos := int64(headerSize); ; {
			h, ok, err := r.entry(pos)
			if err != nil {
				tb.Fatal(err)
			}
			if !ok {
				break
			}
			whole := int64(h.size + padded(h.length))
			m.entries = append(
				m.entries, placed{file: i, pos: pos, size: int64(h.size), whole: whole, group: h.group, offset: h.offset},
			)
			pos += whole
		}
	}
	if err := fl.close(); err != nil {
		tb.Fatal(err)
	}
}

// edit overwrites n bytes.
func (m *image) edit(tb testing.TB, fs *disktest.FS, file int, pos, n int64, change func(byte) byte) {
	tb.Helper()
	f, err := fs.Open(m.paths[file], false)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		tb.Fatal(err)
	}
	if n = min(n, size-pos); n <= 0 {
		return
	}
	buf := make([]byte, n)
	if _, err := f.ReadAt(buf, pos); err != nil {
		tb.Fatal(err)
	}
	for i := range buf {
		buf[i] = change(buf[i])
	}
	if _, err := f.WriteAt(buf, pos); err != nil {
		tb.Fatal(err)
	}
}

func zero(byte) byte   { return 0 }
func flip(b byte) byte { return b ^ 0x10 }

// replays opens the journal on fs and returns the offsets that it replays.
func replays(tb testing.TB, fs *disktest.FS, opt Options) ([]int64, error) {
	tb.Helper()
	got, err := replaysAll(tb, fs, opt)
	return got["a"], err
}

// replaysAll is replays with the entries that were reported as damaged, too, under the log's name with an exclamation
// mark.
func replaysAll(tb testing.TB, fs *disktest.FS, opt Options) (replayed, error) {
	tb.Helper()
	got := make(replayed)
	j, err := Open(fs, "/journal", opt, got.visit, allTaken)
	if err != nil {
		return nil, err
	}
	if err := j.Close(); err != nil {
		tb.Error(err)
	}
	return got, nil
}

func TestBytesFromBeforeAFileWasRecycledAreNoEntries(t *testing.T) {
	// Three entries fill a file, so that those of every use stand at the same places.
	entry := int64(entryHeader + padded(1) + padded(testBatch))
	opt := Options{FileBytes: headerSize + 3*entry, MaxFiles: 2, DirectBytes: -1}
	for n := 1; n < 40; n++ {
		m := newImage(t, n, opt)
		got, err := replays(t, m.fs, opt)
		if err != nil {
			t.Fatalf("%d entries: %v", n, err)
		}
		if len(got) > 6 || len(got) == 0 || got[len(got)-1] != int64(n-1) {
			t.Errorf("%d entries: replayed %v", n, got)
		}
		for i := 1; i < len(got); i++ {
			if got[i] != got[i-1]+1 {
				t.Errorf("%d entries: replayed %v", n, got)
			}
		}
	}
}

func TestDamageToWhatWasSyncedIsNoticed(t *testing.T) {
	entry := int64(entryHeader + padded(1) + padded(testBatch))
	opt := Options{FileBytes: headerSize + 4*entry, MaxFiles: 8, DirectBytes: -1}
	blocked := make(chan struct{})
	opt.Freeing = func() error { <-blocked; return errInjected } // all files stay in use
	fs := disktest.New()
	j, err := Open(fs, "/journal", opt, func(Entry) error { return nil }, allTaken)
	if err != nil {
		t.Fatal(err)
	}
	l := newTestLog("a")
	for range 10 {
		l.append(j, testBatch)
		wait(t, l)
	}
	m := &image{fs: fs.Crash(disktest.Nothing, nil), opt: opt}
	close(blocked)
	if err := j.Close(); !errors.Is(err, errInjected) {
		t.Fatalf("closed with files that cannot be freed: %v", err)
	}
	opt.Freeing = nil
	m.locate(t)
	if len(m.entries) != 10 || m.entries[9].file != 2 {
		t.Fatalf("%d entries are in the journal, the last one in file %d", len(m.entries), m.entries[9].file)
	}
	for _, c := range []struct {
		name    string
		file    int
		from, n int64
		change  func(byte) byte
		replays int // entries, or -1 for ErrDamaged
		damaged int // entries that are replayed as such
	}{
		{"a block of zeros in the middle of a file", 0, m.entries[1].pos + 10, 512, zero, -1, 0},
		{"a bit in a payload", 0, m.entries[1].pos + 500, 1, flip, 9, 1},
		{"a bit in the last payload of a full file", 0, m.entries[3].pos + 500, 1, flip, 9, 1},
		{"a bit in the first header of the journal", 0, m.entries[0].pos + 20, 1, flip, -1, 0},
		{"the end of a full file", 0, m.entries[3].pos, entry, zero, -1, 0},
		{"all of a full file but its header", 1, headerSize, 4 * entry, zero, -1, 0},
		{"the header of the first file", 0, 0, headerSize, zero, -1, 0},
		{"the header of a file between", 1, 0, headerSize, zero, -1, 0},
		{"the header of the last file, with two groups", 2, 0, headerSize, zero, -1, 0},
		{"one copy of the header of the last file", 2, 0, blockSize, zero, 10, 0},
		{"the other copy", 2, blockSize, blockSize, zero, 10, 0},
		{"the first group of the last file", 2, m.entries[8].pos, entry, zero, -1, 0},
		{"the last group, which looks as if it had never been synced", 2, m.entries[9].pos + 200, 1, flip, 9, 0},
		{"behind the last group", 2, m.entries[9].pos + entry, entry, zero, 10, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := m.fs.Crash(disktest.Nothing, nil)
			m.edit(t, fs, c.file, c.from, c.n, c.change)
			got := make(replayed)
			j, err := Open(fs, "/journal", opt, got.visit, allTaken)
			if err == nil {
				err = j.Close()
			}
			switch {
			case c.replays < 0 && !errors.Is(err, ErrDamaged):
				t.Errorf("replayed %v, %v, want ErrDamaged", got, err)
			case c.replays >= 0 && (err != nil || len(got["a"]) != c.replays || len(got["a!"]) != c.damaged):
				t.Errorf("replayed %v, %v, want %d entries and %d that are damaged", got, err, c.replays, c.damaged)
			}
		})
	}
}

// TestRecordsThatLookLikeEntriesAreNone writes records that hold entries as a client can make
// them up, and tears the group.
func TestRecordsThatLookLikeEntriesAreNone(t *testing.T) {
	forged := make([]byte, 0, 64<<10)
	for key := range uint64(100) {
		h := make([]byte, entryHeader)
		binary.LittleEndian.PutUint64(h[8:], key)
		binary.LittleEndian.PutUint64(h[16:], 1000)
		binary.LittleEndian.PutUint32(h, crc32.Checksum(h[4:], castagnoli))
		forged = append(forged, h...)
	}
	for shift := range 8 {
		fs := disktest.New()
		j, err := Open(fs, "/journal", usual, func(Entry) error { return nil }, allTaken)
		if err != nil {
			t.Fatal(err)
		}
		l := newTestLog("a")
		l.append(j, testBatch)
		wait(t, l)
		b := batchAt(1, testBatch)
		b = append(b[:record.HeaderSize+shift], forged...)
		l.mu.Lock()
		l.pending, l.queued = append(l.pending, b), true
		l.mu.Unlock()
		j.Submit(l)
		wait(t, l)
		m := &image{fs: fs.Crash(disktest.Nothing, nil)}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		m.locate(t)
		m.edit(t, m.fs, 0, m.entries[1].pos, 16, flip)
		if got, err := replays(t, m.fs, usual); err != nil || len(got) != 1 {
			t.Errorf("replayed %v, %v", got, err)
		}
	}
}

// FuzzDamage overwrites parts of a journal. What is replayed then is what was written, from the first entry on, and
// no intact entry is skipped without a report.
func FuzzDamage(f *testing.F) {
	entry := int64(entryHeader + padded(1) + padded(testBatch))
	opt := Options{FileBytes: headerSize + 6*entry, MaxFiles: 2, DirectBytes: -1}
	m := newImage(f, 9, opt)
	first := m.entries[0].offset
	f.Add([]byte{0, 0x20, 0x10, 4, 0})
	f.Add([]byte{0, 0x20, 0, 255, 1, 1, 0, 0, 255, 1})
	f.Add([]byte{1, 0, 0, 255, 0, 1, 0x10, 0, 1, 0, 1, 0x24, 0x44, 9, 7})
	f.Fuzz(func(t *testing.T, edits []byte) {
		fs := m.fs.Crash(disktest.Nothing, nil)
		type area struct {
			file    int
			from, n int64
		}
		var touched []area
		for e := range slices.Chunk(edits, 5) {
			if len(e) < 5 || len(touched) == 20 {
				break
			}
			a := area{int(e[0]) % len(m.paths), int64(e[1])<<8 | int64(e[2]), 1 + int64(e[3])*int64(e[3])}
			m.edit(t, fs, a.file, a.from, a.n, func(b byte) byte { return b&e[4] ^ e[4]>>1 })
			touched = append(touched, a)
		}
		intact := func(file int, from, n int64) bool {
			return !slices.ContainsFunc(touched, func(a area) bool {
				return a.file == file && a.from < from+n && from < a.from+a.n
			})
		}
		all, err := replaysAll(t, fs, opt)
		got, reported := all["a"], all["a!"]
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			if len(touched) == 0 {
				t.Fatal(err)
			}
			return
		}
		every := slices.Sorted(slices.Values(slices.Concat(got, reported)))
		for i, o := range every {
			if o != first+int64(i) {
				// A file whose header is gone may lack at the front, when no more than one group of it is left.
				first = o - int64(i)
			}
		}
		// entries with an intact header that were neither replayed nor reported as damaged, by file
		passed := make(map[int]int)
		for _, e := range m.entries {
			if intact(e.file, e.pos, e.size) && !slices.Contains(got, e.offset) && !slices.Contains(reported, e.offset) {
				passed[e.file]++
			}
		}
		for file, n := range passed {
			if n > 1 {
				t.Errorf(
					"%d entries of file %d were skipped, replayed %v, reported %v, damaged %v", n, file, got, reported, touched,
				)
			}
		}
	})
}

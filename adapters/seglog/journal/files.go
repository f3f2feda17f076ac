package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
)

const (
	suffix     = ".journal"
	fileMagic  = 0x4b4e5248 // "HRNK"
	blockSize  = 4096
	headerSize = 2 * blockSize // two copies, each in a block of its own
	prewrite   = 1 << 20       // bytes that are pre-written at once
	// prepareAfter is how many bytes are journaled before a second file is pre-written: a broker that hardly
	// writes needs none.
	prepareAfter = 1 << 20
)

// States of a journal file, as its header has them.
const (
	stateFree = iota
	stateUsed
)

// file is one journal file.
type file struct {
	path  string
	file  disk.File
	epoch uint64
	state uint32
	ready bool // written from end to end before, so that a sync has no metadata to write
	logs  map[Log]struct{}
}

// files are the journal's files: one that is written to, full ones that wait for their logs' syncs, and free ones.
type files struct {
	fs  disk.FS
	dir string
	opt Options

	mu       sync.Mutex
	changed  sync.Cond
	epoch    uint64 // the newest in use
	next     int    // number of the next new file
	count    int    // files that exist and may be used
	current  *file
	pos      int64 // where the next group goes in current
	full     []*file
	kept     []*file // full ones that cannot be freed, for the next Open to replay
	free     []*file
	written  int64 // bytes journaled since Open
	stopping bool
	found    []*file // by openFiles, for replay
}

// openFiles opens what is in dir.
func openFiles(fs disk.FS, dir string, opt Options) (*files, error) {
	fl := &files{fs: fs, dir: dir, opt: opt}
	fl.changed.L = &fl.mu
	names, err := fs.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var n int
		if _, err := fmt.Sscanf(name, "%d", &n); err != nil || !strings.HasSuffix(name, suffix) {
			continue
		}
		fl.next = max(fl.next, n+1)
		f := &file{path: filepath.Join(dir, name), logs: make(map[Log]struct{})}
		if f.file, err = fs.Open(f.path, false); err != nil {
			return nil, errors.Join(err, fl.close())
		}
		fl.found = append(fl.found, f)
		if err := f.readHeader(opt.FileBytes); err != nil {
			return nil, errors.Join(err, fl.close())
		}
		fl.epoch = max(fl.epoch, f.epoch)
	}
	slices.SortFunc(fl.found, func(a, b *file) int { return int(int64(a.epoch) - int64(b.epoch)) })
	return fl, nil
}

// readHeader takes epoch and state from the header's first intact copy. A file without one was never synced
// after it got its header, so that nothing in it was acknowledged.
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
	for copyAt := 0; copyAt < headerSize; copyAt += blockSize {
		h := buf[copyAt : copyAt+24]
		if le.Uint32(h) == crc32.Checksum(h[4:], castagnoli) && le.Uint32(h[4:]) == fileMagic && le.Uint64(h[8:]) > f.epoch {
			f.epoch, f.state = le.Uint64(h[8:]), le.Uint32(h[16:])
		}
	}
	return nil
}

// writeHeader writes both copies, without a sync.
func (f *file) writeHeader(state uint32) error {
	f.state = state
	buf := make([]byte, headerSize)
	le := binary.LittleEndian
	for copyAt := 0; copyAt < headerSize; copyAt += blockSize {
		h := buf[copyAt : copyAt+24]
		le.PutUint32(h[4:], fileMagic)
		le.PutUint64(h[8:], f.epoch)
		le.PutUint32(h[16:], state)
		le.PutUint32(h, crc32.Checksum(h[4:], castagnoli))
	}
	_, err := f.file.WriteAt(buf, 0)
	return err
}

// reserve returns where a group of size bytes goes. It waits while all files are full. It is called by the
// committer only.
func (fl *files) reserve(size int64) (*file, int64, error) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fits := fl.current != nil && fl.pos+size <= fl.opt.FileBytes
	// A file that was written before takes syncs better than one that is new.
	better := fits && !fl.current.ready && len(fl.free) > 0 && fl.free[len(fl.free)-1].ready
	if !fits || better {
		if err := fl.rotate(); err != nil {
			return nil, 0, err
		}
	}
	pos := fl.pos
	fl.pos += size
	return fl.current, pos, nil
}

// rotate sends the current file to be checkpointed and begins a free or new one. The new header becomes durable
// with the file's first group.
func (fl *files) rotate() error {
	if fl.current != nil {
		fl.full = append(fl.full, fl.current)
		fl.current = nil
		fl.changed.Broadcast()
	}
	for len(fl.free) == 0 && fl.count >= fl.opt.MaxFiles {
		fl.changed.Wait()
	}
	var f *file
	if n := len(fl.free); n > 0 {
		f = fl.free[n-1]
		fl.free = fl.free[:n-1]
	} else {
		var err error
		if f, err = fl.create(); err != nil {
			return err
		}
	}
	fl.epoch++
	f.epoch = fl.epoch
	clear(f.logs)
	if err := f.writeHeader(stateUsed); err != nil {
		return err
	}
	fl.current, fl.pos = f, headerSize
	return nil
}

// create makes a new, empty file. It is called with the lock held: once for each file, at most MaxFiles times.
func (fl *files) create() (*file, error) {
	f := &file{path: filepath.Join(fl.dir, fmt.Sprintf("%08d%s", fl.next, suffix)), logs: make(map[Log]struct{})}
	fl.next++
	var err error
	if f.file, err = fl.fs.Open(f.path, true); err != nil {
		return nil, err
	}
	if err := fl.fs.SyncDir(fl.dir); err != nil {
		return nil, errors.Join(err, f.file.Close())
	}
	fl.count++
	return f, nil
}

// wrote notes that a group with entries of these members, n bytes, stands in f.
func (fl *files) wrote(f *file, group []member, n int64) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for i := range group {
		if !group[i].chunk.Volatile {
			f.logs[group[i].log] = struct{}{}
		}
	}
	if before := fl.written; before < prepareAfter && before+n >= prepareAfter {
		fl.changed.Broadcast()
	}
	fl.written += n
}

// checkpoint frees full files, once their logs have synced what is in them, and keeps a pre-written file at hand, until stop.
func (fl *files) checkpoint() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for {
		switch {
		case fl.stopping:
			return
		case len(fl.full) > 0:
			f := fl.full[0]
			logs := f.members()
			fl.mu.Unlock()
			err := fl.empty(f, logs)
			fl.mu.Lock()
			fl.full = fl.full[1:]
			if err != nil {
				// What the file holds may be nowhere else: it stays as it is, for the next start to replay.
				fl.opt.Log.Error("journal file cannot be freed", "path", f.path, "err", err)
				fl.count--
				fl.kept = append(fl.kept, f)
				fl.changed.Broadcast()
				break
			}
			fl.free = append(fl.free, f)
			fl.changed.Broadcast()
		case fl.written >= prepareAfter && len(fl.free) == 0 && fl.count < 2:
			f, err := fl.create()
			if err == nil {
				fl.mu.Unlock()
				err = fl.prepare(f)
				fl.mu.Lock()
			}
			if err != nil {
				fl.opt.Log.Error("journal file cannot be prepared", "err", err)
				fl.written = -1 << 62 // not tried again: the file in use serves as it is
				break
			}
			fl.free = append(fl.free, f)
			fl.changed.Broadcast()
		default:
			fl.changed.Wait()
		}
	}
}

// members lists the logs with entries in the file.
func (f *file) members() []Log {
	logs := make([]Log, 0, len(f.logs))
	for l := range f.logs {
		logs = append(logs, l)
	}
	return logs
}

// empty has the file's logs sync, and marks and prepares it as free.
func (fl *files) empty(f *file, logs []Log) error {
	var errs []error
	for _, l := range logs {
		errs = append(errs, l.Sync())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := fl.opt.Freeing(); err != nil {
		return err
	}
	if err := f.writeHeader(stateFree); err != nil {
		return err
	}
	if f.ready {
		return nil
	}
	return fl.prepare(f)
}

// prepare writes the file's whole length once, so that later writes change nothing but data.
func (fl *files) prepare(f *file) error {
	size, err := f.file.Size()
	if err != nil {
		return err
	}
	blank := make([]byte, prewrite)
	for pos := size; pos < fl.opt.FileBytes; pos += prewrite {
		fl.mu.Lock()
		stopping := fl.stopping
		fl.mu.Unlock()
		if stopping {
			return nil
		}
		if _, err := f.file.WriteAt(blank[:min(prewrite, fl.opt.FileBytes-pos)], pos); err != nil {
			return err
		}
	}
	f.ready = true
	return f.file.Sync()
}

// forget takes a deleted log out of every file.
func (fl *files) forget(l Log) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for _, f := range fl.full {
		delete(f.logs, l)
	}
	if fl.current != nil {
		delete(fl.current.logs, l)
	}
}

// stop ends checkpoint.
func (fl *files) stop() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.stopping = true
	fl.changed.Broadcast()
}

// settle frees every file after the last commit.
func (fl *files) settle() error {
	used := fl.full
	if fl.current != nil {
		used = append(used, fl.current)
	}
	for _, f := range used {
		f.ready = true // nothing is prepared when closing
		if err := fl.empty(f, f.members()); err != nil {
			return err
		}
		if err := f.file.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// adopt takes the files that were found, whose entries were replayed and freed, into use.
func (fl *files) adopt() {
	fl.free, fl.found = fl.found, nil
	fl.count = len(fl.free)
}

// close closes all files.
func (fl *files) close() error {
	var errs []error
	all := slices.Concat(fl.found, fl.full, fl.kept, fl.free)
	if fl.current != nil {
		all = append(all, fl.current)
	}
	for _, f := range all {
		if f.file != nil {
			errs = append(errs, f.file.Close())
			f.file = nil
		}
	}
	return errors.Join(errs...)
}

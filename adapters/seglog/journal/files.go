package journal

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/ports"
)

const suffix = ".journal"

// fewestFiles is how many files the journal needs at least: one is written to while the other is freed.
const fewestFiles = 2

// files are the journal's files: one that is written to, full ones that wait for their logs' syncs, and free ones.
type files struct {
	fs  disk.FS
	dir string
	opt Options

	mu       sync.Mutex
	changed  sync.Cond
	next     int   // number of the next new file
	count    int   // files that exist and may be used
	current  *file // only the committer changes it and its header
	full     []*file
	free     []*file // the last one is used first
	carried  []*carried
	written  int64       // bytes journaled since Open
	starved  bool        // the committer waits for a file
	failed   error       // why the full files could not be freed, nil when they could
	pausing  bool        // freeing is tried again
	resume   *time.Timer // when freeing is tried again, nil before the first time
	stopping bool

	// The committer's own.
	epoch uint64 // the newest in use
	pos   int64  // where the next group goes in current

	found []*file // by openFiles, for replay

	closing chan struct{} // closed when the journal begins to close
}

// openFiles opens what is in dir.
func openFiles(fs disk.FS, dir string, opt Options) (*files, error) {
	fl := &files{fs: fs, dir: dir, opt: opt, closing: make(chan struct{})}
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
		f := newFile(filepath.Join(dir, name))
		if f.file, err = fs.Open(f.path, false); err != nil {
			return nil, errors.Join(err, fl.close())
		}
		fl.found = append(fl.found, f)
		if err := f.readHeader(opt.FileBytes); err != nil {
			return nil, errors.Join(err, fl.close())
		}
		fl.epoch = max(fl.epoch, f.epoch)
	}
	slices.SortFunc(fl.found, func(a, b *file) int { return cmp.Compare(a.epoch, b.epoch) })
	return fl, nil
}

func newFile(path string) *file { return &file{path: path, logs: make(map[Log]ports.LogID)} }

// reserve returns where group number group, of size bytes, goes. It waits while all files are full.
func (fl *files) reserve(group uint64, size int64) (*file, int64, error) {
	f, change, err := fl.place(size)
	if err != nil {
		return nil, 0, err
	}
	if change {
		if f.file == nil {
			if err := fl.retry(func() error { return fl.create(f) }); err != nil {
				return nil, 0, err
			}
		}
		fl.epoch++
		if err := fl.retry(func() error { return f.begin(fl.epoch, group) }); err != nil {
			return nil, 0, err
		}
		fl.pos = headerSize
	}
	pos := fl.pos
	fl.pos += size
	return f, pos, nil
}

// place returns the file that size bytes go to. change says that it is another one than before: the one before is to be
// freed, and the next is a free one, or one that is yet to be created. The error says why no file gets free any more.
func (fl *files) place(size int64) (f *file, change bool, err error) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if f := fl.current; f != nil {
		// A sync of a file that was written before is faster than one of a new file.
		better := !f.ready && len(fl.free) > 0 && fl.free[len(fl.free)-1].ready
		if fl.pos+size <= fl.opt.FileBytes && !better {
			return f, false, nil
		}
		fl.full = append(fl.full, f)
		fl.changed.Broadcast()
	}
	for len(fl.free) == 0 && !fl.mayGrow() {
		if fl.failed != nil && (!fl.pausing || fl.isClosing()) {
			return nil, false, fl.failed
		}
		fl.starved = true
		fl.changed.Broadcast()
		fl.changed.Wait()
	}
	fl.starved = false
	if n := len(fl.free); n > 0 {
		fl.current = fl.free[n-1]
		fl.free = fl.free[:n-1]
	} else {
		fl.current = fl.another()
	}
	clear(fl.current.logs)
	return fl.current, true, nil
}

// mayGrow reports whether there may be one more file. Called with the lock held.
func (fl *files) mayGrow() bool {
	return fl.count < fl.opt.MaxFiles && (fl.count < fewestFiles || fl.opt.Spare(fl.opt.FileBytes))
}

// another counts in a file that is to be created. Called with the lock held.
func (fl *files) another() *file {
	f := newFile(filepath.Join(fl.dir, fmt.Sprintf("%08d%s", fl.next, suffix)))
	fl.next++
	fl.count++
	return f
}

// create creates the file on disk, with all the space that it will take, if there is so much.
func (fl *files) create(f *file) error {
	if f.file == nil {
		var err error
		if f.file, err = fl.fs.Open(f.path, true); err != nil {
			return err
		}
	}
	if err := f.file.Allocate(fl.opt.FileBytes); err != nil { // it takes its space as it grows
		fl.opt.Log.Warn("cannot reserve space for a journal file", "path", f.path, "err", err)
	}
	return fl.fs.SyncDir(fl.dir)
}

// beginClosing ends the waits for space and free files, which may never come.
func (fl *files) beginClosing() {
	close(fl.closing)
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.changed.Broadcast()
}

func (fl *files) isClosing() bool {
	select {
	case <-fl.closing:
		return true
	default:
		return false
	}
}

// retryWrite is how long a write waits before it is tried again.
const retryWrite = 100 * time.Millisecond

// retry repeats do while it fails by an error that passes, such as a lack of space, until the journal closes: what
// waits for the commit cannot be written elsewhere either.
func (fl *files) retry(do func() error) error {
	for noted := false; ; noted = true {
		err := do()
		if err == nil || !disk.Passing(err) {
			return err
		}
		if !noted {
			fl.opt.Log.Error("journal cannot write, retrying", "err", err)
		}
		select {
		case <-time.After(retryWrite):
		case <-fl.closing:
			return err
		}
	}
}

// wrote notes that a group with entries of these members, n bytes, stands in f.
func (fl *files) wrote(f *file, group []member, n int64) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for i := range group {
		if group[i].journaled {
			f.logs[group[i].log] = group[i].chunk.ID
		}
	}
	if before := fl.written; before < prepareAfter && before+n >= prepareAfter {
		fl.changed.Broadcast()
	}
	fl.written += n
}

// forget removes a deleted log from every file.
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

// adopt takes the files that were found, whose entries were replayed and freed, into use.
func (fl *files) adopt() {
	fl.free, fl.found = fl.found, nil
	fl.count = len(fl.free)
}

// close closes all files.
func (fl *files) close() error {
	var errs []error
	all := slices.Concat(fl.found, fl.full, fl.free)
	for _, c := range fl.carried {
		all = append(all, c.file)
	}
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

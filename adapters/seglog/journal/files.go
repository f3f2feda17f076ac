package journal

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
)

const suffix = ".journal"

// fewestFiles is how many files the journal cannot do without: one is written to while the other is freed.
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
	kept     []*file // full ones that cannot be freed, for the next Open to replay
	free     []*file // the last one is used first
	written  int64   // bytes journaled since Open
	starved  bool    // a further file was wanted, and not granted
	stopping bool

	// The committer's own.
	epoch uint64 // the newest in use
	pos   int64  // where the next group goes in current

	found []*file // by openFiles, for replay
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

func newFile(path string) *file { return &file{path: path, logs: make(map[Log]struct{})} }

// reserve returns where group number group, of size bytes, goes. It waits while all files are full.
func (fl *files) reserve(group uint64, size int64) (*file, int64, error) {
	f, change := fl.place(size)
	if change {
		if f.file == nil {
			if err := fl.create(f); err != nil {
				return nil, 0, err
			}
		}
		fl.epoch++
		if err := f.begin(fl.epoch, group); err != nil {
			return nil, 0, err
		}
		fl.pos = headerSize
	}
	pos := fl.pos
	fl.pos += size
	return f, pos, nil
}

// place returns the file that size bytes go to. A change of files sends the current one to be checkpointed; the next is a
// free one, or one that is yet to be created.
func (fl *files) place(size int64) (f *file, change bool) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if f := fl.current; f != nil {
		// A file that was written before takes syncs better than one that is new.
		better := !f.ready && len(fl.free) > 0 && fl.free[len(fl.free)-1].ready
		if fl.pos+size <= fl.opt.FileBytes && !better {
			return f, false
		}
		fl.full = append(fl.full, f)
		fl.changed.Broadcast()
	}
	for len(fl.free) == 0 && !fl.mayGrow() {
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
	return fl.current, true
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

// create makes the file on disk, with all the space that it will take where there is so much.
func (fl *files) create(f *file) error {
	var err error
	if f.file, err = fl.fs.Open(f.path, true); err != nil {
		return err
	}
	if err := f.file.Allocate(fl.opt.FileBytes); err != nil { // it takes its space as it grows
		fl.opt.Log.Warn("no space is set aside for a journal file", "path", f.path, "err", err)
	}
	return fl.fs.SyncDir(fl.dir)
}

// wrote notes that a group with entries of these members, n bytes, stands in f.
func (fl *files) wrote(f *file, group []member, n int64) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for i := range group {
		if group[i].journaled {
			f.logs[group[i].log] = struct{}{}
		}
	}
	if before := fl.written; before < prepareAfter && before+n >= prepareAfter {
		fl.changed.Broadcast()
	}
	fl.written += n
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

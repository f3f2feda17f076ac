package seglog

import (
	"container/list"
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/ports"
)

var _ ports.Descriptor = (*openFile)(nil)

// fileCache keeps files open between uses, and closes those that were not used for longest. A segment that has unsynced
// records stays open until it is synced: were writing them to fail, the kernel might have forgotten that when the file
// is opened again, and its sync would succeed. Where more of these are written to than files are kept open, the oldest
// are closed all the same: open files take memory of the kernel.
type fileCache struct {
	fs   disk.FS
	keep int

	mu      sync.Mutex
	forgets int // calls of forget and forgetDir
	open    map[string]*openFile
	idle    list.List        // of *openFile without users and unsynced records, the longest unused first
	waiting list.List        // of *openFile without users and with unsynced records
	failed  map[string]error // why files could not be closed, or synced to make room: what was written to them may be lost
}

// openFile is an open file and its users.
type openFile struct {
	disk.File
	cache *fileCache
	path  string
	users int
	gone  bool          // not in the cache any more: closed by its last user
	place *list.Element // in cache.idle or waiting, nil while there are users

	changes atomic.Int64 // writes that were begun
	synced  atomic.Int64 // of them, those that a sync has made durable
}

// WriteAt writes as disk.File does, and notes that the file is to be synced before it is closed.
func (f *openFile) WriteAt(p []byte, off int64) (int, error) {
	f.changes.Add(1)
	return f.File.WriteAt(p, off)
}

// WritevAt writes as disk.File does, and notes that the file is to be synced before it is closed.
func (f *openFile) WritevAt(bufs [][]byte, off int64) error {
	f.changes.Add(1)
	return f.File.WritevAt(bufs, off)
}

// Descriptor implements ports.Descriptor.
func (f *openFile) Descriptor() (fd uintptr, ok bool) {
	file := f.OS()
	if file == nil { // of a file system in memory
		return 0, false
	}
	return file.Fd(), true
}

// Sync makes the writes durable that have returned. Once some may be lost it fails always: the kernel tells of that
// once, and takes the rest for clean.
func (f *openFile) Sync() error {
	if err := f.cache.failure(f); err != nil {
		return err
	}
	changes := f.changes.Load()
	err := f.File.Sync()
	if err == nil {
		f.synced.Store(changes)
	}
	return err
}

// unsynced reports whether there are records in the file that were not synced. An index needs no such care: what it
// says is looked at.
func (f *openFile) unsynced() bool {
	return strings.HasSuffix(f.path, logSuffix) && f.synced.Load() < f.changes.Load()
}

func newFileCache(fs disk.FS, keep int) *fileCache {
	return &fileCache{fs: fs, keep: keep, open: make(map[string]*openFile), failed: make(map[string]error)}
}

// acquire returns the file at path, open. The caller must Close it: that ends the use, and the cache closes the file in
// its time.
func (c *fileCache) acquire(path string, create bool) (*openFile, error) {
	for {
		f, forgets := c.cached(path)
		if f != nil {
			return f, nil
		}
		raw, err := c.fs.Open(path, create)
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			c.makeRoom()
			raw, err = c.fs.Open(path, create)
		}
		if err != nil {
			return nil, err
		}
		if f, err := c.keepOpen(path, raw, forgets); f != nil || err != nil {
			return f, err
		}
	}
}

// keepOpen puts a file into the cache that was opened when there had been so many forgets. It returns nil when there
// were more since: another file may have its name now.
func (c *fileCache) keepOpen(path string, raw disk.File, forgets int) (*openFile, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forgets != forgets {
		return nil, raw.Close()
	}
	if other := c.open[path]; other != nil { // somebody else was quicker
		other.use()
		return other, raw.Close()
	}
	f := &openFile{File: raw, cache: c, path: path, users: 1}
	c.open[path] = f
	c.trimAll()
	return f, nil
}

// cached returns the file at path if it is open.
func (c *fileCache) cached(path string) (f *openFile, forgets int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f = c.open[path]
	if f != nil {
		f.use()
	}
	return f, c.forgets
}

// failure returns why what was written to a file may be lost, nil when it is not.
func (c *fileCache) failure(f *openFile) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.gone { // another file may have its name
		return nil
	}
	return c.failed[f.path]
}

// fail notes that what was written to a file may be lost. Its users learn of it when they sync it: who reads must not
// be the only one who is told. Called with the lock held.
func (c *fileCache) fail(path string, err error) {
	if err != nil {
		c.failed[path] = disk.Lasting(err)
	}
}

// syncedForRoom is how many segments are synced at once to make room for other files.
const syncedForRoom = 32

// makeRoom closes all idle files, when the process or the machine has too many open, and some that wait for their sync.
func (c *fileCache) makeRoom() {
	c.mu.Lock()
	var some []*openFile
	for c.waiting.Len() > 0 && len(some) < syncedForRoom {
		f := c.waiting.Front().Value.(*openFile)
		f.use()
		some = append(some, f)
	}
	c.mu.Unlock()
	for _, f := range some {
		err := f.Sync()
		c.mu.Lock()
		c.fail(f.path, err)
		c.mu.Unlock()
		_ = f.Close() // which closes nothing yet
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trim(0, &c.idle)
}

func (f *openFile) use() {
	f.users++
	f.leave()
}

// leave takes a file out of the list of those without users.
func (f *openFile) leave() {
	if f.place != nil {
		f.cache.idle.Remove(f.place) // which does nothing when it is in the other one
		f.cache.waiting.Remove(f.place)
		f.place = nil
	}
}

// trim closes files of unused, the first before the next, until no more than keep files are open.
func (c *fileCache) trim(keep int, unused *list.List) {
	for len(c.open) > keep && unused.Len() > 0 {
		f := unused.Remove(unused.Front()).(*openFile)
		delete(c.open, f.path)
		c.fail(f.path, f.File.Close())
	}
}

// trimAll closes unused files until no more are open than are kept, those without unsynced records first.
func (c *fileCache) trimAll() {
	c.trim(c.keep, &c.idle)
	c.trim(c.keep, &c.waiting)
}

// Close ends one use of the file.
func (f *openFile) Close() error {
	c := f.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	f.users--
	switch {
	case f.users > 0:
		return nil
	case f.gone:
		return f.File.Close()
	case f.unsynced(): // its next user, who syncs it, brings it to the idle ones
		f.place = c.waiting.PushBack(f)
	default:
		f.place = c.idle.PushBack(f)
	}
	c.trimAll()
	return nil
}

// forget takes the file at path out of the cache, after it was renamed or removed. Its users go on with it.
func (c *fileCache) forget(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgets++
	delete(c.failed, path)
	if f := c.open[path]; f != nil {
		c.drop(f)
	}
}

// forgetDir is forget for all files in a directory.
func (c *fileCache) forgetDir(dir string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgets++
	maps.DeleteFunc(c.failed, func(path string, _ error) bool { return filepath.Dir(path) == dir })
	for path, f := range c.open {
		if filepath.Dir(path) == dir {
			c.drop(f)
		}
	}
}

func (c *fileCache) drop(f *openFile) {
	delete(c.open, f.path)
	f.gone = true
	f.leave()
	if f.users == 0 {
		_ = f.File.Close() // what it held is deleted
	}
}

// close closes all idle files; those in use are closed by their users.
func (c *fileCache) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = 0
	var errs []error
	for _, f := range c.open {
		if f.gone = f.users > 0; !f.gone {
			errs = append(errs, f.File.Close())
		}
	}
	clear(c.open)
	c.idle.Init()
	c.waiting.Init()
	return errors.Join(errs...)
}

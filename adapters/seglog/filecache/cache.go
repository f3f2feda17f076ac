// Package filecache keeps files open between uses, and closes those that were not used for longest.
//
// It is what lets a node have more logs than file descriptors. Three things make it more than a map:
//
//   - A file with unsynced writes stays open until it is synced. If the kernel fails to write them back while the file
//     is closed, it may have forgotten that by the time the file is opened again, and a sync would succeed. Only when
//     more such files are written to than the cache keeps are the oldest closed all the same, for open files take
//     kernel memory.
//   - A failed close or sync is remembered by path, and every later sync of that path fails: the kernel reports a lost
//     write once. Forget ends that, since the name belongs to another file from then on.
//   - A file that is renamed or removed is forgotten. Its users keep the file they have; the next Acquire opens the
//     name again, also when a Forget came while that was under way.
//
// One mutex guards all of it. It is held while a file is closed, and never while one is opened, read, written or
// synced.
package filecache

import (
	"container/list"
	"errors"
	"maps"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
)

// Cache holds the open files by their paths.
type Cache struct {
	fs       disk.FS
	keep     int
	mustSync func(path string) bool

	mu      sync.Mutex
	forgets int // calls of Forget and ForgetDir
	open    map[string]*File
	idle    list.List // of *File without users and unsynced writes, the longest unused first
	waiting list.List // of *File without users and with unsynced writes
	// Why files could not be closed, or synced to make room: what was written to them may be lost.
	failed map[string]error
}

// New returns a cache that keeps so many files open. mustSync names the files in which an unsynced write may not be
// lost unnoticed.
func New(fs disk.FS, keep int, mustSync func(path string) bool) *Cache {
	return &Cache{
		fs: fs, keep: keep, mustSync: mustSync,
		open:   make(map[string]*File),
		failed: make(map[string]error),
	}
}

// Acquire returns the file at path, open. The caller must Close it, which ends this use. The cache closes the file when
// it needs room.
func (c *Cache) Acquire(path string, create bool) (*File, error) {
	for {
		f, forgets := c.cached(path)
		if f != nil {
			return f, nil
		}
		raw, err := c.fs.Open(path, create)
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			c.MakeRoom()
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
func (c *Cache) keepOpen(path string, raw disk.File, forgets int) (*File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forgets != forgets {
		return nil, raw.Close()
	}
	if other := c.open[path]; other != nil { // another caller was quicker
		other.use()
		return other, raw.Close()
	}
	f := &File{File: raw, cache: c, path: path, users: 1}
	c.open[path] = f
	c.trimAll()
	return f, nil
}

// cached returns the file at path if it is open.
func (c *Cache) cached(path string) (f *File, forgets int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f = c.open[path]
	if f != nil {
		f.use()
	}
	return f, c.forgets
}

// failure returns why what was written to a file may be lost, nil when it is not.
func (c *Cache) failure(f *File) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.gone { // another file may have its name
		return nil
	}
	return c.failed[f.path]
}

// fail notes that what was written to a file may be lost. Its users get the error when they sync it: an error that only
// a reader gets would leave the writer believing that its records are durable. Called with the lock held.
func (c *Cache) fail(path string, err error) {
	if err != nil {
		c.failed[path] = disk.Lasting(err)
	}
}

// syncedForRoom is how many files are synced at once to make room for others.
const syncedForRoom = 32

// MakeRoom closes all idle files, and some that wait for their sync: the process or the machine has too many open.
func (c *Cache) MakeRoom() {
	c.mu.Lock()
	var some []*File
	for c.waiting.Len() > 0 && len(some) < syncedForRoom {
		f := c.waiting.Front().Value.(*File)
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

// trim closes files of unused, the first before the next, until no more than keep files are open.
func (c *Cache) trim(keep int, unused *list.List) {
	for len(c.open) > keep && unused.Len() > 0 {
		f := unused.Remove(unused.Front()).(*File)
		delete(c.open, f.path)
		c.fail(f.path, f.File.Close())
	}
}

// trimAll closes unused files until no more are open than are kept, those without unsynced writes first.
func (c *Cache) trimAll() {
	c.trim(c.keep, &c.idle)
	c.trim(c.keep, &c.waiting)
}

// Forget takes the file at path out of the cache, after it was renamed or removed. Its users may use it until they
// close it.
func (c *Cache) Forget(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgets++
	delete(c.failed, path)
	if f := c.open[path]; f != nil {
		c.drop(f)
	}
}

// ForgetDir is Forget for all files in a directory.
func (c *Cache) ForgetDir(dir string) {
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

func (c *Cache) drop(f *File) {
	delete(c.open, f.path)
	f.gone = true
	f.leave()
	if f.users == 0 {
		_ = f.File.Close() // what it held is deleted
	}
}

// Close closes all idle files; those in use are closed by their users.
func (c *Cache) Close() error {
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

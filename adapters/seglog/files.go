package seglog

import (
	"container/list"
	"errors"
	"path/filepath"
	"sync"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
)

// fileCache keeps files open between uses, and closes those that were not used for longest.
type fileCache struct {
	fs   disk.FS
	keep int

	mu      sync.Mutex
	forgets int // calls of forget and forgetDir
	open    map[string]*openFile
	idle    list.List // of *openFile without users, the longest unused first
}

// openFile is an open file and its users.
type openFile struct {
	disk.File
	cache *fileCache
	path  string
	users int
	gone  bool          // not in the cache any more: closed by its last user
	place *list.Element // in cache.idle, nil while there are users
}

func newFileCache(fs disk.FS, keep int) *fileCache {
	return &fileCache{fs: fs, keep: keep, open: make(map[string]*openFile)}
}

// acquire returns the file at path, open. The caller must Close it: that ends the use, and the cache closes the file in its time.
func (c *fileCache) acquire(path string, create bool) (*openFile, error) {
	f, forgets := c.cached(path)
	if f != nil {
		return f, nil
	}
	raw, err := c.fs.Open(path, create)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f = &openFile{File: raw, cache: c, path: path, users: 1}
	if c.forgets != forgets { // another file may have this name now: this one is for its user only
		f.gone = true
		return f, nil
	}
	if other := c.open[path]; other != nil { // somebody else was quicker
		other.use()
		return other, raw.Close()
	}
	c.open[path] = f
	return f, c.trim()
}

func (c *fileCache) cached(path string) (f *openFile, forgets int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f = c.open[path]
	if f != nil {
		f.use()
	}
	return f, c.forgets
}

func (f *openFile) use() {
	f.users++
	if f.place != nil {
		f.cache.idle.Remove(f.place)
		f.place = nil
	}
}

// trim closes idle files above the number that is kept.
func (c *fileCache) trim() error {
	var errs []error
	for len(c.open) > c.keep && c.idle.Len() > 0 {
		f := c.idle.Remove(c.idle.Front()).(*openFile)
		delete(c.open, f.path)
		errs = append(errs, f.File.Close())
	}
	return errors.Join(errs...)
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
	}
	f.place = c.idle.PushBack(f)
	return c.trim()
}

// forget takes the file at path out of the cache, after it was renamed or removed. Its users go on with it.
func (c *fileCache) forget(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgets++
	if f := c.open[path]; f != nil {
		c.drop(f)
	}
}

// forgetDir is forget for all files in a directory.
func (c *fileCache) forgetDir(dir string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgets++
	for path, f := range c.open {
		if filepath.Dir(path) == dir {
			c.drop(f)
		}
	}
}

func (c *fileCache) drop(f *openFile) {
	delete(c.open, f.path)
	f.gone = true
	if f.place != nil {
		c.idle.Remove(f.place)
		f.place = nil
		_ = f.File.Close() // what it held is deleted
	}
}

// close closes all idle files; those in use are closed by their users.
func (c *fileCache) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = 0
	for _, f := range c.open {
		f.gone = f.users > 0
	}
	err := c.trim()
	clear(c.open)
	return err
}

package filecache

import (
	"container/list"
	"sync/atomic"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/ports"
)

var _ ports.Descriptor = (*File)(nil)

// File is an open file and its users.
type File struct {
	disk.File
	cache *Cache
	path  string
	users int
	gone  bool          // not in the cache any more: its last user closes it
	place *list.Element // in Cache.idle or waiting, nil while there are users

	changes atomic.Int64 // writes that were begun
	synced  atomic.Int64 // of them, those that a sync has made durable
}

// WriteAt writes as disk.File does, and notes that the file is to be synced before it is closed.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	f.changes.Add(1)
	return f.File.WriteAt(p, off)
}

// WritevAt writes as disk.File does, and notes that the file is to be synced before it is closed.
func (f *File) WritevAt(bufs [][]byte, off int64) error {
	f.changes.Add(1)
	return f.File.WritevAt(bufs, off)
}

// Descriptor implements ports.Descriptor.
func (f *File) Descriptor() (fd uintptr, ok bool) {
	file := f.OS()
	if file == nil { // of a file system in memory
		return 0, false
	}
	return file.Fd(), true
}

// Sync makes the writes durable that have returned. Once some may be lost it always fails: the kernel reports that
// once, and takes the pages for clean from then on.
func (f *File) Sync() error {
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

// unsynced reports whether there are writes that were not synced, in a file where that matters.
func (f *File) unsynced() bool {
	return f.cache.mustSync(f.path) && f.synced.Load() < f.changes.Load()
}

// Close ends one use of the file.
func (f *File) Close() error {
	c := f.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	f.users--
	switch {
	case f.users > 0:
		return nil
	case f.gone:
		return f.File.Close()
	case f.unsynced(): // its next user syncs it, and it becomes idle
		f.place = c.waiting.PushBack(f)
	default:
		f.place = c.idle.PushBack(f)
	}
	c.trimAll()
	return nil
}

func (f *File) use() {
	f.users++
	f.leave()
}

// leave takes a file out of the list of those without users.
func (f *File) leave() {
	if f.place != nil {
		f.cache.idle.Remove(f.place) // which does nothing when it is in the other one
		f.cache.waiting.Remove(f.place)
		f.place = nil
	}
}

package disk

import (
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory returns an empty file system in this process's memory: for a broker that is to leave nothing behind. It takes
// about as much memory as its files have bytes, and gives that back when they are cut, or removed and not open any
// more. What it holds is as durable as it will ever be when a write returns, so a sync does nothing.
func Memory() FS { return &memoryFS{root: &entry{dir: map[string]*entry{}}} }

// memoryFS is a tree of directories and files. Its lock guards the tree; each file has one of its own for its bytes, so
// that reading and writing different files does not meet.
type memoryFS struct {
	mu   sync.RWMutex
	root *entry
}

// entry is what a name stands for: a directory, or a file.
type entry struct {
	dir  map[string]*entry // nil for a file
	file *content          // nil for a directory
}

// Open implements FS.
func (m *memoryFS) Open(path string, create bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, name, err := m.parent("open", path)
	if err != nil {
		return nil, err
	}
	e := parent.dir[name]
	switch {
	case e == nil && !create:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case e == nil:
		e = &entry{file: &content{changed: time.Now()}}
		parent.dir[name] = e
	case e.file == nil:
		return nil, &fs.PathError{Op: "open", Path: path, Err: errIsDirectory}
	}
	return &memoryFile{content: e.file, path: path}, nil
}

// ReadDir implements FS.
func (m *memoryFS) ReadDir(path string) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e, err := m.directory("readdir", path)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(e.dir)), nil
}

// MkdirAll implements FS.
func (m *memoryFS) MkdirAll(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.root
	for _, name := range names(path) {
		next := at.dir[name]
		if next == nil {
			next = &entry{dir: map[string]*entry{}}
			at.dir[name] = next
		}
		if next.dir == nil {
			return &fs.PathError{Op: "mkdir", Path: path, Err: errNotDirectory}
		}
		at = next
	}
	return nil
}

// Rename implements FS. Like the operating system's it replaces a file by a file only.
func (m *memoryFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	source, name, err := m.parent("rename", from)
	if err != nil {
		return err
	}
	target, newName, err := m.parent("rename", to)
	if err != nil {
		return err
	}
	e, over := source.dir[name], target.dir[newName]
	switch {
	case e == nil:
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	case over != nil && over != e && (over.dir != nil || e.dir != nil):
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	delete(source.dir, name)
	target.dir[newName] = e
	return nil
}

// Remove implements FS.
func (m *memoryFS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, name, err := m.parent("remove", path)
	if err != nil {
		return nil // what is in a directory that is missing is missing, too
	}
	delete(parent.dir, name)
	return nil
}

// SyncDir implements FS.
func (m *memoryFS) SyncDir(path string) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, err := m.directory("sync", path)
	return err
}

// Exists implements FS.
func (m *memoryFS) Exists(path string) (bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, err := m.find("stat", path)
	return err == nil, nil
}

// Capacity implements FS: how much memory there is for it is not known.
func (m *memoryFS) Capacity(string) (total, usable int64, err error) { return -1, -1, nil }

// names returns the names that a path consists of. A relative path begins at the root, too.
func names(path string) []string {
	path = filepath.Clean(path)
	if path == "." {
		return nil
	}
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}

// find returns what is at path.
func (m *memoryFS) find(op, path string) (*entry, error) {
	at := m.root
	for _, name := range names(path) {
		at = at.dir[name] // a file has no names
		if at == nil {
			return nil, &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
		}
	}
	return at, nil
}

// directory returns the directory at path.
func (m *memoryFS) directory(op, path string) (*entry, error) {
	e, err := m.find(op, path)
	if err == nil && e.dir == nil {
		err = &fs.PathError{Op: op, Path: path, Err: errNotDirectory}
	}
	return e, err
}

// parent returns the directory that holds path, and path's name in it.
func (m *memoryFS) parent(op, path string) (*entry, string, error) {
	path = filepath.Clean(path)
	e, err := m.directory(op, filepath.Dir(path))
	return e, filepath.Base(path), err
}

// Package disktest is a file system in memory for tests of what stores do when the power goes or the disk fails. It
// knows what was synced: Crash returns what a machine finds that starts again.
package disktest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
)

// Op is a kind of operation, as Fail is asked about it.
type Op string

// The operations that can fail.
const (
	OpOpen      Op = "open"
	OpRead      Op = "read"
	OpWrite     Op = "write"
	OpSync      Op = "sync"
	OpTruncate  Op = "truncate"
	OpStartSync Op = "startsync" // which returns no error
	OpRename    Op = "rename"
	OpRemove    Op = "remove"
	OpReadDir   Op = "readdir"
	OpMkdir     Op = "mkdir"
	OpSyncDir   Op = "syncdir"
)

// FS is a file system in memory. Its methods may be called concurrently.
type FS struct {
	mu   sync.Mutex
	root *node
	fail func(Op, string) error
}

var _ disk.FS = (*FS)(nil)

// New returns an empty file system.
func New() *FS { return &FS{root: newDir()} }

// Fail has every operation ask f first, and fail with f's error. A failed write has written half; what a failed sync
// was to make durable is lost in the next crash, even when a later sync succeeds, as it is on Linux.
func (m *FS) Fail(f func(op Op, path string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

// asked returns the error that Fail's function has for an operation. Called with the lock held.
func (m *FS) asked(op Op, path string) error {
	if m.fail == nil {
		return nil
	}
	if err := m.fail(op, path); err != nil {
		return &fs.PathError{Op: string(op), Path: path, Err: err}
	}
	return nil
}

// node is a file or a directory.
type node struct {
	// A directory's names, those that are durable, and the changes between the two.
	names, durable map[string]*node
	renames        []change

	// A file's bytes, those that are durable, and the writes between the two.
	data, synced []byte
	writes       []write
	changed      time.Time
}

// change is one atomic change of a directory.
type change struct {
	remove string
	add    string
	node   *node // added, nil for none
}

// write is one change of a file.
type write struct {
	off      int64
	bytes    []byte
	truncate bool // to off
}

func newDir() *node { return &node{names: map[string]*node{}, durable: map[string]*node{}} }

func (n *node) dir() bool { return n.names != nil }

// apply changes a directory's names.
func (c change) apply(names map[string]*node) {
	if c.remove != "" {
		delete(names, c.remove)
	}
	if c.node != nil {
		names[c.add] = c.node
	}
}

func (n *node) change(c change) {
	c.apply(n.names)
	n.renames = append(n.renames, c)
}

// apply changes a file's bytes.
func (w write) apply(data []byte) []byte {
	if w.truncate {
		return resized(data, int(w.off))
	}
	data = resized(data, max(len(data), int(w.off)+len(w.bytes)))
	copy(data[w.off:], w.bytes)
	return data
}

func resized(data []byte, size int) []byte {
	if size <= len(data) {
		return data[:size]
	}
	old := len(data)
	data = slices.Grow(data, size-old)[:size]
	clear(data[old:])
	return data
}

func (n *node) write(w write) {
	n.data = w.apply(n.data)
	n.writes = append(n.writes, w)
	n.changed = time.Now()
}

// parts splits a path into names.
func parts(path string) []string {
	return strings.FieldsFunc(filepath.Clean(path), func(r rune) bool { return r == filepath.Separator })
}

// find returns the node at path.
func (m *FS) find(path string) (*node, error) {
	n := m.root
	for _, name := range parts(path) {
		if !n.dir() || n.names[name] == nil {
			return nil, &fs.PathError{Op: "find", Path: path, Err: fs.ErrNotExist}
		}
		n = n.names[name]
	}
	return n, nil
}

// parent returns the directory of path, and path's last name.
func (m *FS) parent(path string) (*node, string, error) {
	d, err := m.find(filepath.Dir(path))
	if err == nil && !d.dir() {
		err = &fs.PathError{Op: "find", Path: path, Err: fs.ErrInvalid}
	}
	return d, filepath.Base(path), err
}

// Open opens a file.
func (m *FS) Open(path string, create bool) (disk.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.asked(OpOpen, path); err != nil {
		return nil, err
	}
	d, name, err := m.parent(path)
	if err != nil {
		return nil, err
	}
	n := d.names[name]
	switch {
	case n == nil && !create:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case n == nil:
		n = &node{changed: time.Now()}
		d.change(change{add: name, node: n})
	case n.dir():
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	return &file{fs: m, node: n, path: path}, nil
}

// Chtimes says when a file was written to last, as os.Chtimes does.
func (m *FS) Chtimes(path string, changed time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(path)
	if err == nil {
		n.changed = changed
	}
	return err
}

// ReadDir lists a directory.
func (m *FS) ReadDir(path string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.asked(OpReadDir, path); err != nil {
		return nil, err
	}
	n, err := m.find(path)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(n.names)), nil
}

// MkdirAll makes a directory and those above it.
func (m *FS) MkdirAll(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.asked(OpMkdir, path); err != nil {
		return err
	}
	n := m.root
	for _, name := range parts(path) {
		next := n.names[name]
		if next == nil {
			next = newDir()
			n.change(change{add: name, node: next})
		}
		if !next.dir() {
			return &fs.PathError{Op: "mkdir", Path: path, Err: fs.ErrExist}
		}
		n = next
	}
	return nil
}

// Rename moves a file or directory within its directory.
func (m *FS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.asked(OpRename, from); err != nil {
		return err
	}
	d, name, err := m.parent(from)
	if err != nil {
		return err
	}
	if filepath.Dir(from) != filepath.Dir(to) {
		return fmt.Errorf("rename %s to %s: only within a directory", from, to)
	}
	n := d.names[name]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	if len(filepath.Base(to)) > 255 {
		return &fs.PathError{Op: "rename", Path: to, Err: errors.New("file name too long")}
	}
	d.change(change{remove: name, add: filepath.Base(to), node: n})
	return nil
}

// Remove removes a file or a directory with everything in it.
func (m *FS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.asked(OpRemove, path); err != nil {
		return err
	}
	d, name, err := m.parent(path)
	if err != nil || d.names[name] == nil {
		return nil
	}
	d.change(change{remove: name})
	return nil
}

// SyncDir makes a directory's names durable.
func (m *FS) SyncDir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.asked(OpSyncDir, path)
	n, missing := m.find(path)
	if missing != nil {
		return missing
	}
	if err != nil {
		return err
	}
	n.durable, n.renames = maps.Clone(n.names), nil
	return nil
}

// Exists reports whether there is a file or directory.
func (m *FS) Exists(path string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.find(path)
	return err == nil, nil
}

// Capacity says that nothing is known.
func (m *FS) Capacity(string) (total, usable int64, err error) { return -1, -1, nil }

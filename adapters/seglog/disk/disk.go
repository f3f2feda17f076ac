// Package disk is the file system as the log store uses it: few operations, at explicit offsets, with syncs of file and
// directory as separate steps. OS is the operating system's, Memory one for brokers that keep nothing. Tests put others
// in its place that lose what was not synced, or fail by rule.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/internal/allocate"
)

// File is an open file. Its methods may be called concurrently.
type File interface {
	// ReadAt reads as io.ReaderAt does.
	ReadAt(p []byte, off int64) (int, error)
	// WriteAt writes as io.WriterAt does.
	WriteAt(p []byte, off int64) (int, error)
	// WritevAt writes bufs one behind the other from off on, with as few system calls as possible. It does not
	// change bufs.
	WritevAt(bufs [][]byte, off int64) error
	// Sync returns when what was written before, and the size needed to read it, is on stable storage.
	Sync() error
	// StartSync begins to write n bytes from off on to stable storage, for a later Sync to have less
	// to do. It promises nothing.
	StartSync(off, n int64)
	// Allocate has the file system set the first n bytes aside for the file, whose size stays. With an error, and on a
	// system that cannot, nothing is set aside.
	Allocate(n int64) error
	// Truncate sets the size.
	Truncate(size int64) error
	// Size returns the size in bytes.
	Size() (int64, error)
	// ModTime returns when the file was written to last.
	ModTime() (time.Time, error)
	// Close closes the file. Nothing is synced by it.
	Close() error
	// OS returns the operating system's file, for sendfile; nil when there is none.
	OS() *os.File
}

// FS is a file system. Paths are the operating system's.
type FS interface {
	// Open opens a file for reading and writing; with create it is made when missing. A missing one is fs.ErrNotExist.
	Open(path string, create bool) (File, error)
	// ReadDir returns the names in a directory, in order.
	ReadDir(path string) ([]string, error)
	// MkdirAll makes a directory and those above it.
	MkdirAll(path string) error
	// Rename moves a file or directory, over what was there.
	Rename(from, to string) error
	// Remove removes a file, or a directory with everything in it. A missing one is no error.
	Remove(path string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(path string) error
	// Exists reports whether there is a file or directory.
	Exists(path string) (bool, error)
	// Capacity returns the bytes of what holds path, and how many of them can still be written; -1 where that is not
	// known.
	Capacity(path string) (total, usable int64, err error)
}

// MakeDirs makes a directory and those above it, durably. Those that are there already were made so.
func MakeDirs(fs FS, dir string) error {
	var made []string
	for at := dir; ; at = filepath.Dir(at) {
		exists, err := fs.Exists(at)
		if err != nil {
			return err
		}
		if exists || at == filepath.Dir(at) {
			break
		}
		made = append(made, at)
	}
	if err := fs.MkdirAll(dir); err != nil {
		return err
	}
	for _, d := range made {
		if err := fs.SyncDir(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return nil
}

// OS returns the operating system's file system.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Open(path string, create bool) (File, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) ReadDir(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) MkdirAll(path string) error   { return os.MkdirAll(path, 0o755) }
func (osFS) Rename(from, to string) error { return os.Rename(from, to) }
func (osFS) Remove(path string) error     { return os.RemoveAll(path) }

func (osFS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osFS) Exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// osFile is a file of the operating system.
type osFile struct{ *os.File }

func (f osFile) OS() *os.File { return f.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Allocate has later writes find their space. It is an error that others have taken that; nothing is set aside then.
func (f osFile) Allocate(n int64) error {
	err := allocate.Ahead(f.File, 0, n)
	if err == nil {
		return nil
	}
	size, undone := f.Size()
	if undone == nil {
		undone = f.File.Truncate(size)
	}
	return errors.Join(err, undone)
}

func (f osFile) ModTime() (time.Time, error) {
	info, err := f.Stat()
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// vectors is how many buffers one system call takes (IOV_MAX on Linux).
const vectors = 1024

func (f osFile) WritevAt(bufs [][]byte, off int64) error {
	for len(bufs) > 0 {
		now := bufs[:min(len(bufs), vectors)]
		bufs = bufs[len(now):]
		if err := f.writev(now, off); err != nil {
			return &fs.PathError{Op: "pwritev", Path: f.Name(), Err: err}
		}
		for _, b := range now {
			off += int64(len(b))
		}
	}
	return nil
}

// writev writes bufs, of which there are at most vectors. What the kernel leaves over is written buffer by buffer.
func (f osFile) writev(bufs [][]byte, off int64) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var n int
	var writeErr error
	err = raw.Control(func(fd uintptr) {
		for {
			n, writeErr = unix.Pwritev(int(fd), bufs, off)
			if !errors.Is(writeErr, unix.EINTR) {
				return
			}
		}
	})
	if err := errors.Join(err, writeErr); err != nil {
		return err
	}
	off += int64(n)
	for _, b := range bufs {
		if n >= len(b) {
			n -= len(b)
			continue
		}
		if _, err := f.WriteAt(b[n:], off); err != nil {
			return err
		}
		off += int64(len(b) - n)
		n = 0
	}
	return nil
}

package disk

import (
	"errors"

	"golang.org/x/sys/unix"
)

// lends is how often a write is tried again for which space was made: other writers may have taken that space.
const lends = 3

// Lending returns fs, whose writes are tried again when the disk is full and lend has made room for so many bytes.
func Lending(fs FS, lend func(bytes int64) error) FS { return lendingFS{fs, lend} }

type lendingFS struct {
	FS
	lend func(bytes int64) error
}

// Open implements FS.
func (f lendingFS) Open(path string, create bool) (file File, err error) {
	err = f.retried(func() error {
		file, err = f.FS.Open(path, create)
		return err
	})
	if err != nil {
		return nil, err
	}
	return lendingFile{file, f}, nil
}

// MkdirAll implements FS.
func (f lendingFS) MkdirAll(path string) error {
	return f.retried(func() error { return f.FS.MkdirAll(path) })
}

// Rename implements FS.
func (f lendingFS) Rename(from, to string) error {
	return f.retried(func() error { return f.FS.Rename(from, to) })
}

// retried calls do, which may be repeated, until there is space for it.
func (f lendingFS) retried(do func() error) error {
	err := do()
	for n := 0; n < lends && errors.Is(err, unix.ENOSPC) && f.lend(0) == nil; n++ {
		err = do()
	}
	return err
}

// lendingFile is a file of a lendingFS. Its writes have offsets, so that they can be done again.
type lendingFile struct {
	File
	fs lendingFS
}

// WriteAt implements File.
func (f lendingFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	for again := 0; again < lends && errors.Is(err, unix.ENOSPC) && f.fs.lend(int64(len(p))) == nil; again++ {
		n, err = f.File.WriteAt(p, off)
	}
	return n, err
}

// WritevAt implements File.
func (f lendingFile) WritevAt(bufs [][]byte, off int64) error {
	err := f.File.WritevAt(bufs, off)
	for again := 0; again < lends && errors.Is(err, unix.ENOSPC) && f.fs.lend(sizeOf(bufs)) == nil; again++ {
		err = f.File.WritevAt(bufs, off)
	}
	return err
}

func sizeOf(bufs [][]byte) (size int64) {
	for _, b := range bufs {
		size += int64(len(b))
	}
	return size
}

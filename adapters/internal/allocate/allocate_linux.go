package allocate

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/internal/interrupted"
)

// Ahead has later writes to the n bytes of f from off on find their space; the size of the file stays. It is ENOSPC
// when the disk has not that much, of which a part may be set aside then, and nil where the file system cannot be
// asked.
func Ahead(f *os.File, off, n int64) error {
	err := fallocate(f, unix.FALLOC_FL_KEEP_SIZE, off, n)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// Grow makes f larger, with space on the disk for all its bytes. Where the file system cannot be asked for that, it
// writes zeros. It is ENOSPC when the disk has not that much, of which a part may be set aside then.
func Grow(f *os.File, size int64) error {
	err := fallocate(f, 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fill(f, size)
	}
	return err
}

func fallocate(f *os.File, mode uint32, off, n int64) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = interrupted.Retry(func() error { return unix.Fallocate(int(fd), mode, off, n) })
	})
	if err := errors.Join(err, failed); err != nil {
		return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil
}

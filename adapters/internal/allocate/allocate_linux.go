package allocate

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/internal/interrupted"
)

// Ahead has later writes to the n bytes of f from off on find their space; the size of the file stays. It is ENOSPC
// when the disk has not that much, and nil where the file system cannot be asked.
func Ahead(f *os.File, off, n int64) error {
	err := interrupted.Retry(func() error {
		return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
	if err == nil || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
}

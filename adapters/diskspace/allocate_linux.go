package diskspace

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate has the file have n bytes of the disk for itself.
func allocate(f *os.File, n int64) error {
	err := retried(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, n) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fill(f, n)
	}
	return err
}

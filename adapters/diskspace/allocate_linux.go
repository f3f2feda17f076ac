package diskspace

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/internal/interrupted"
)

// allocate reserves n bytes of the disk for the file.
func allocate(f *os.File, n int64) error {
	err := interrupted.Retry(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, n) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fill(f, n)
	}
	return err
}

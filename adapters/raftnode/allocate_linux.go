//go:build raft

package raftnode

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate sets the first n bytes aside for the file, whose size stays.
func allocate(f *os.File, n int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, n)
		switch {
		case errors.Is(err, unix.EOPNOTSUPP):
			return nil
		case !errors.Is(err, unix.EINTR):
			return err
		}
	}
}

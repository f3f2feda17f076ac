//go:build raft

package raftnode

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/internal/interrupted"
)

// allocate sets the first n bytes aside for the file, whose size stays.
func allocate(f *os.File, n int64) error {
	err := interrupted.Retry(func() error { return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, n) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

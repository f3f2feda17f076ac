// Package freespace measures how much a process without privileges can still write to a file system.
package freespace

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/internal/interrupted"
)

// At returns the free bytes of the file system of a path.
func At(path string) (int64, error) {
	return measured(path, func(fs *unix.Statfs_t) error { return unix.Statfs(path, fs) })
}

// Of returns the free bytes of the file system of f, whatever is now at the path under which it was opened.
func Of(f *os.File) (int64, error) {
	return measured(f.Name(), func(fs *unix.Statfs_t) error { return unix.Fstatfs(int(f.Fd()), fs) })
}

// measured repeats a system call that a signal has interrupted.
func measured(path string, ask func(*unix.Statfs_t) error) (int64, error) {
	var fs unix.Statfs_t
	if err := interrupted.Retry(func() error { return ask(&fs) }); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", path, err)
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil //nolint:unconvert // the types differ by platform
}

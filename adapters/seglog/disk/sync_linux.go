package disk

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Sync uses fdatasync: times of change and access need not be durable.
func (f osFile) Sync() error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = raw.Control(func(fd uintptr) {
		for {
			if syncErr = unix.Fdatasync(int(fd)); !errors.Is(syncErr, unix.EINTR) {
				return
			}
		}
	})
	if err := errors.Join(err, syncErr); err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

// Allocate has later writes find their space. That others have taken it is an error.
func (f osFile) Allocate(n int64) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			if failed = unix.Fallocate(int(fd), unix.FALLOC_FL_KEEP_SIZE, 0, n); !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	})
	if errors.Is(failed, unix.EOPNOTSUPP) {
		failed = nil
	}
	if err := errors.Join(err, failed); err != nil {
		size, undone := f.Size()
		if undone == nil {
			undone = f.File.Truncate(size) // a part may have been set aside
		}
		return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: errors.Join(err, undone)}
	}
	return nil
}

// StartSync ignores an error: Sync gets it, too.
func (f osFile) StartSync(off, n int64) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.SyncFileRange(int(fd), off, n, unix.SYNC_FILE_RANGE_WRITE) })
}

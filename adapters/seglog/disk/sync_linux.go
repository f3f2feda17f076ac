package disk

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/internal/interrupted"
)

// Sync uses fdatasync: times of change and access need not be durable.
func (f osFile) Sync() error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = raw.Control(func(fd uintptr) {
		syncErr = interrupted.Retry(func() error { return unix.Fdatasync(int(fd)) })
	})
	if err := errors.Join(err, syncErr); err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
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

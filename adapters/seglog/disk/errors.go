package disk

import (
	"errors"
	"io/fs"
	"syscall"
)

// Passing reports whether an operation that has failed by err may succeed later, with nothing lost: something is short for now, which says nothing of
// what is on the disk. A sync that has failed never does: what it was to make durable the kernel may have dropped.
func Passing(err error) bool {
	var op *fs.PathError
	if errors.As(err, &op) && (op.Op == "fdatasync" || op.Op == "sync") {
		return false
	}
	for _, p := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC, syscall.EDQUOT, syscall.EINTR, syscall.EAGAIN, syscall.ENOMEM,
	} {
		if errors.Is(err, p) {
			return true
		}
	}
	return false
}

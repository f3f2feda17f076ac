package disk

import (
	"errors"
	"io/fs"
	"syscall"
)

// passing are errors that say nothing of what is on the disk: something is short for now.
var passing = [...]error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC, syscall.EDQUOT, syscall.EINTR, syscall.EAGAIN, syscall.ENOMEM,
}

// Passing reports whether an operation that has failed by err may succeed later, with nothing lost. A sync that has failed never does: what it
// was to make durable the kernel may have dropped.
func Passing(err error) bool {
	var op *fs.PathError
	if errors.As(err, &op) && (op.Op == "fdatasync" || op.Op == "sync") {
		return false
	}
	for _, p := range passing {
		if errors.Is(err, p) {
			return true
		}
	}
	return false
}

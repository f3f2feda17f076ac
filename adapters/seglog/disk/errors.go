package disk

import (
	"errors"
	"io/fs"
	"syscall"
)

// Lasting returns err as the reason for something that is not tried again: it is none that passes, whatever it was.
func Lasting(err error) error { return lasting{err} }

type lasting struct{ error }

func (l lasting) Unwrap() error { return l.error }

// Passing reports whether an operation that has failed by err may succeed later, with nothing lost: something is short
// for now, which says nothing of what is on the disk. A sync that has failed never does: what it was to make durable
// the kernel may have dropped.
func Passing(err error) bool {
	if _, last := errors.AsType[lasting](err); last {
		return false
	}
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

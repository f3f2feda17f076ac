package disk

import (
	"errors"
	"io/fs"
	"syscall"
)

// Lasting returns err as an error that does not pass: Passing reports false for it, whatever it was. It is for the
// reason of something that is not tried again.
func Lasting(err error) error { return lasting{err} }

type lasting struct{ error }

func (l lasting) Unwrap() error { return l.error }

// Passing reports whether an operation that has failed by err may succeed later, with nothing lost: something is short
// for now, and the data on disk is not affected. A failed sync never passes: the kernel may have dropped what it was to
// make durable.
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

package disk

import (
	"errors"
	"syscall"
)

// passing are errors that say nothing of what is on the disk: something is short for now.
var passing = [...]error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC, syscall.EDQUOT, syscall.EINTR, syscall.EAGAIN, syscall.ENOMEM,
}

// Passing reports whether an operation that has failed by err may succeed later, with nothing lost. That of a sync never is: what it was to make
// durable the kernel may have dropped.
func Passing(err error) bool {
	for _, p := range passing {
		if errors.Is(err, p) {
			return true
		}
	}
	return false
}

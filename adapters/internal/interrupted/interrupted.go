// Package interrupted does system calls again that a signal has interrupted.
package interrupted

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Retry calls do until something else than a signal has ended it, and returns what it has returned then.
func Retry(do func() error) error {
	for {
		if err := do(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

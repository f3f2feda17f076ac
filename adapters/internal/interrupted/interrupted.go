// Package interrupted repeats system calls that a signal has interrupted.
package interrupted

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Retry calls do until its error is not EINTR, and returns that error.
func Retry(do func() error) error {
	for {
		if err := do(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

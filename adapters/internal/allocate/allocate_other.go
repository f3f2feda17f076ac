//go:build !linux

package allocate

import "os"

// Ahead does nothing: this operating system is not asked.
func Ahead(*os.File, int64, int64) error { return nil }

// Grow makes f larger, with space on the disk for all its bytes: it writes zeros.
func Grow(f *os.File, size int64) error { return fill(f, size) }

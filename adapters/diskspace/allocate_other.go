//go:build !linux

package diskspace

import "os"

// allocate has the file have n bytes of the disk for itself.
func allocate(f *os.File, n int64) error { return fill(f, n) }

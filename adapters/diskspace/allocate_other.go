//go:build !linux

package diskspace

import "os"

// allocate reserves n bytes of the disk for the file.
func allocate(f *os.File, n int64) error { return fill(f, n) }

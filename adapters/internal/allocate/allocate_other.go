//go:build !linux

package allocate

import "os"

// Ahead does nothing: this operating system is not asked.
func Ahead(*os.File, int64, int64) error { return nil }

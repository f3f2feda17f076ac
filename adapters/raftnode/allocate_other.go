//go:build raft && !linux

package raftnode

import "os"

// allocate does nothing: fallocate is used on Linux only.
func allocate(*os.File, int64) error { return nil }

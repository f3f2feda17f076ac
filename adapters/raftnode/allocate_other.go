//go:build raft && !linux

package raftnode

import "os"

// allocate does nothing: this operating system is not asked.
func allocate(*os.File, int64) error { return nil }

//go:build raft

package raftnode

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// releaseUnused gives back the space behind the ends of Tan's logs in dir. Tan sets 64 MiB aside at each start, for a log that it begins then, and
// keeps it until the raft log is cut: a node that is started again and again would fill its disk. It must not be called while a host is open.
func releaseUnused(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".log" {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			err = os.Truncate(path, info.Size()) // the blocks behind the end go, even though the size stays
		}
		if err != nil {
			return fmt.Errorf("release unused space: %w", err)
		}
		return nil
	})
}

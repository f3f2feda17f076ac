//go:build raft

package raftnode

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// settleLogs makes what an earlier run has left of Tan's logs in dir fit to go on from. It must not be called while a host is open.
//
// A process that was killed may have written entries and not synced them. The next one would find them in the kernel's memory, take them for
// durable, tell the leader so, and write an index of them that is synced: a loss of power would leave an index of zeros.
//
// Tan sets 64 MiB aside at each start, for a log that it begins then, and keeps what it has not used until the raft log is cut: a node that is
// started again and again would fill its disk.
func settleLogs(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".log" {
			return err
		}
		if err := settleLog(path); err != nil {
			return fmt.Errorf("settle the raft log: %w", err)
		}
		return nil
	})
}

func settleLog(path string) error {
	log, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := log.Stat()
	if err == nil {
		err = log.Truncate(info.Size()) // the blocks behind the end go, even though the size stays
	}
	if err == nil {
		err = log.Sync()
	}
	return errors.Join(err, log.Close())
}

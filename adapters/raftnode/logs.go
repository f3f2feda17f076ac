//go:build raft

package raftnode

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// prepareLogs makes Tan's logs in dir, as an earlier run has left them, safe to continue. It must not be called while a
// host is open.
//
// A killed process may have written entries without syncing them. The next process would find them in the page cache,
// acknowledge them as durable to the leader, and write and sync an index of them. After a loss of power the index would
// point to zeros. So the logs are synced first.
//
// Tan preallocates 64 MiB for the new log of each start and keeps the unused part until the raft log is truncated. A
// node that is restarted repeatedly would fill its disk, so the unused blocks are released.
func prepareLogs(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".log" {
			return err
		}
		if err := prepareLog(path); err != nil {
			return fmt.Errorf("prepare the raft log: %w", err)
		}
		return nil
	})
}

func prepareLog(path string) error {
	log, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := log.Stat()
	if err == nil {
		err = log.Truncate(info.Size()) // releases the blocks behind the end, even though the size stays
	}
	if err == nil {
		err = log.Sync()
	}
	return errors.Join(err, log.Close())
}

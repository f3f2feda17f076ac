package wiring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/filestore"
	"github.com/chronik-stream/chronik/adapters/seglog"
	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/lifecycle"
	"github.com/chronik-stream/chronik/core/ports"
)

// lockFile is the file in the data directory whose lock keeps a second broker out. It contains the process id of the
// broker that holds the lock.
const lockFile = "chronik.lock"

// dataDir is a data directory that belongs to this process until its cleanup.
type dataDir struct{ path string }

// openDataDir locks the data directory for a broker that keeps this kind of metadata. It refuses a directory in which
// that broker must not start, before anything is opened or created there except for the lock.
func openDataDir(cfg *configs.Config, kind lifecycle.MetadataKind) (dataDir, func(), error) {
	dir, unlock, err := lockDataDir(cfg)
	if err != nil {
		return dataDir{}, nil, err
	}
	found, err := lookInto(dir)
	if err == nil {
		err = found.Check(kind)
	}
	if err != nil {
		unlock()
		return dataDir{}, nil, err
	}
	return dir, unlock, nil
}

// lookInto returns what is in the data directory.
func lookInto(dir dataDir) (lifecycle.Directory, error) {
	found := lifecycle.Directory{
		Path: dir.path, Logs: func() ([]ports.LogID, error) { return seglog.StoredIn(dir.path) },
	}
	var failed [3]error
	found.WAL, failed[0] = walstore.Exists(dir.path)
	found.File, failed[1] = filestore.Exists(dir.path)
	found.Raft, failed[2] = hasRaft(dir.path)
	if err := errors.Join(failed[:]...); err != nil {
		return found, fmt.Errorf("data directory: %w", err)
	}
	return found, nil
}

// lockDataDir locks the data directory, which it creates if it is missing. The operating system releases the lock when
// the process ends for whatever reason.
func lockDataDir(cfg *configs.Config) (dataDir, func(), error) {
	path, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return dataDir{}, nil, fmt.Errorf("data directory %s: %w", cfg.DataDir, err)
	}
	if err := disk.MakeDirs(disk.OS(), path); err != nil {
		return dataDir{}, nil, fmt.Errorf("data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return dataDir{}, nil, fmt.Errorf("data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return dataDir{}, nil, errors.Join(inUse(f, path, err), f.Close())
	}
	if err := writePid(f); err != nil && !errors.Is(err, unix.ENOSPC) {
		// Without space for the process id the lock works all the same.
		return dataDir{}, nil, errors.Join(fmt.Errorf("data directory: %w", err), f.Close())
	}
	return dataDir{path}, func() {
		_ = f.Truncate(0) // the process id is valid only with the lock
		_ = f.Close()     // releases the lock
	}, nil
}

func writePid(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// inUse returns the error for a directory that another process has locked.
func inUse(f *os.File, path string, cause error) error {
	if !errors.Is(cause, unix.EWOULDBLOCK) {
		return fmt.Errorf("lock data directory %s: %w", path, cause)
	}
	text := make([]byte, 32)
	n, _ := f.ReadAt(text, 0) // an unreadable id is left out
	pid := strings.TrimSpace(string(text[:n]))
	if pid == "" {
		pid = "unknown"
	}
	return fmt.Errorf("data directory %s is in use by another broker (process id %s)", path, pid)
}

// Package diskspace measures the file system of the data directory, and holds a reserve on it. The reserve is a file
// whose space is allocated, so that no other process can take it.
//
// It implements ports.Disk. When the disk is full, core/domain/broker/replicas releases parts of the reserve, so that
// everything but producing still works; see docs/decisions/0008-full-disks.md. The directory is measured by its open
// handle: another one under its name is an error, not free space.
package diskspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/internal/allocate"
	"github.com/chronik-stream/chronik/adapters/internal/freespace"
	"github.com/chronik-stream/chronik/adapters/internal/interrupted"
	"github.com/chronik-stream/chronik/core/domain/space"
	"github.com/chronik-stream/chronik/core/ports"
)

// reserveFile is the name of the reserve in the data directory.
const reserveFile = "disk.reserve"

// Disk is a ports.Disk. Its methods are called one at a time.
type Disk struct {
	path string
	dir  *os.File // the data directory, even if another one has its name now
}

var _ ports.Disk = (*Disk)(nil)

// Open returns the disk of the data directory dir.
func Open(dir string) (*Disk, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("disk space: %w", err)
	}
	return &Disk{path: filepath.Join(dir, reserveFile), dir: d}, nil
}

// Measure implements ports.Disk.
func (d *Disk) Measure() (space.Disk, error) {
	if err := d.checkDir(); err != nil {
		return space.Disk{}, err
	}
	free, err := freespace.Of(d.dir)
	if err != nil {
		return space.Disk{}, err
	}
	held, err := d.held()
	if err != nil {
		return space.Disk{}, err
	}
	return space.Disk{Free: free, Held: held}, nil
}

// checkDir returns fs.ErrNotExist unless the directory still has its name.
func (d *Disk) checkDir() error {
	now, err := os.Stat(d.dir.Name())
	if err != nil {
		return err
	}
	ours, err := d.dir.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(now, ours) {
		return &fs.PathError{
			Op: "look for", Path: d.dir.Name(), Err: fmt.Errorf("another directory is in its place: %w", fs.ErrNotExist),
		}
	}
	return nil
}

// held returns how many bytes the reserve occupies, 0 when it was removed.
func (d *Disk) held() (int64, error) {
	var stat unix.Stat_t
	err := interrupted.Retry(func() error { return unix.Stat(d.path, &stat) })
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reserve %s: %w", d.path, err)
	}
	return min(int64(stat.Blocks)*blockBytes, stat.Size), nil //nolint:unconvert // the types differ by platform
}

// blockBytes is the unit of Stat_t.Blocks.
const blockBytes = 512

// Hold implements ports.Disk.
func (d *Disk) Hold(n int64) (held int64, err error) {
	defer func() { // also after an error, held is what the file occupies
		var failed error
		held, failed = d.held()
		err = errors.Join(err, failed)
	}()
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return 0, err
	}
	defer f.Close() // nothing in it is worth a sync
	before, err := d.held()
	switch {
	case err != nil:
		return 0, err
	case n <= before:
		return 0, f.Truncate(n)
	}
	if err := allocate.Grow(f, n); err != nil {
		return 0, errors.Join(err, f.Truncate(before)) // a part may have been allocated, which is given back
	}
	return 0, nil
}

// Close implements ports.Disk.
func (d *Disk) Close() error { return d.dir.Close() }

//go:build raft

package raftnode

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lni/vfs"

	"github.com/chronik-stream/chronik/adapters/internal/allocate"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// Space knows how much may still be written to the disk.
type Space interface {
	// Room returns nil when n bytes may be written for the use, and there is room for them.
	Room(use space.Use, n int64) error
}

// files is the file system of dragonboat's files. Tan asks the operating system's files to set space aside for each
// log that it begins, 64 MiB of it, and cannot begin one without. On a disk that is nearly full a log gets less.
type files struct {
	vfs.FS
	space Space // nil: there is always enough
}

const (
	// usualAhead is slightly more than Tan sets aside for a log.
	usualAhead = 65 << 20
	// leastAhead is what a log gets when there is less room.
	leastAhead = 4 << 20
)

// small is a file for which Tan sets nothing aside.
type small struct{ vfs.File }

// Create implements vfs.FS.
func (f files) Create(name string) (vfs.File, error) {
	isLog := filepath.Ext(name) == ".log"
	if f.space == nil || isLog && f.space.Room(space.Records, usualAhead) == nil {
		return f.FS.Create(name)
	}
	if err := f.space.Room(space.Agreed, leastAhead); err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	made, err := f.FS.Create(name)
	if err != nil || !isLog {
		return made, err
	}
	if file, ok := made.(*os.File); ok {
		if err := allocate.Ahead(file, 0, leastAhead); err != nil {
			return nil, errors.Join(fmt.Errorf("set space aside: %w", err), made.Close())
		}
	}
	return small{made}, nil
}

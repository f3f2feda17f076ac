//go:build raft

package raftnode

import (
	"github.com/lni/vfs"
)

// files is the file system of dragonboat's files. Tan asks the operating system's files to set space aside for each log that it begins, 64 MiB of
// it, and cannot begin one without. Of these files it gets what there is room for.
type files struct {
	vfs.FS
	room func(bytes int64) error // nil: there is always room
}

// logAhead is what Tan sets aside for a log.
const logAhead = 64<<20 + 1<<20

// plain is a file for which nothing is set aside.
type plain struct{ vfs.File }

// Create implements vfs.FS.
func (f files) Create(name string) (vfs.File, error) {
	made, err := f.FS.Create(name)
	if err != nil || f.room == nil || f.room(logAhead) == nil {
		return made, err
	}
	return plain{made}, nil
}

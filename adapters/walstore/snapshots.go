package walstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// snapshotsKept is how many snapshots are kept: the newest, and one more in case that is damaged.
const snapshotsKept = 2

const (
	snapshotSuffix   = ".snapshot"
	supersededSuffix = ".superseded" // of snapshots newer than the one that was restored
)

// snapshots is the directory of an image's snapshots: <index>.snapshot, the index in 20 digits.
type snapshots struct{ dir string }

// snapshotFile is a snapshot on disk.
type snapshotFile struct {
	path  string
	index uint64
}

// list returns the snapshots, the newest first. A directory that is not there has none.
func (s snapshots) list() ([]snapshotFile, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []snapshotFile
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), snapshotSuffix)
		if index, err := strconv.ParseUint(digits, 10, 64); ok && err == nil {
			files = append(files, snapshotFile{filepath.Join(s.dir, e.Name()), index})
		}
	}
	slices.SortFunc(files, func(a, b snapshotFile) int { return strings.Compare(b.path, a.path) })
	return files, nil
}

// write makes a snapshot of img durable and removes those that are no longer needed.
func (s snapshots) write(img *metadata.Image) error {
	path := filepath.Join(s.dir, fmt.Sprintf("%020d%s", img.Index(), snapshotSuffix))
	if err := s.replace(path, img); err != nil {
		return fmt.Errorf("write snapshot %s: %w", path, err)
	}
	files, err := s.list()
	if err != nil {
		return err
	}
	for _, old := range files[min(snapshotsKept, len(files)):] {
		err = errors.Join(err, os.Remove(old.path))
	}
	return err
}

// replace writes img to path by way of a temporary file, so that path is complete or does not exist.
func (s snapshots) replace(path string, img *metadata.Image) error {
	temporary, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	err = metadata.EncodeImage(temporary, img)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	return syncDir(path)
}

// supersede renames the snapshots that are newer than index.
func (s snapshots) supersede(index uint64) error {
	files, err := s.list()
	for _, f := range files {
		if f.index > index {
			err = errors.Join(err, os.Rename(f.path, f.path+supersededSuffix))
		}
	}
	return err
}

func readSnapshot(path string) (*metadata.Image, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	img, err := metadata.DecodeImage(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", path, err)
	}
	return img, nil
}

// syncDir makes the entry of path in its directory durable.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Package filestore keeps metadata in one JSON file that people can read, the legacy mode. Every commit rewrites the
// whole file, so it is for small clusters; commands that wait share a commit.
//
// The file is replaced by renaming a synced temporary file over it: a crash leaves the old content or the new one. A
// lock on the directory keeps a second process out. Package metalog orders the commands; this package is its Journal.
package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// The names in the data directory.
const (
	storeDir  = "metadata"
	storeFile = "metadata.json"
)

// Store is a ports.MetadataStore in a file.
type Store struct{ *metalog.Log }

var _ ports.MetadataStore = (*Store)(nil)

// Open opens the store in the data directory dir, or creates it; nodeID is this node's broker id. A file
// that is there and cannot be read is an error: metadata.ErrCorrupt, or fault.UnsupportedVersion when a
// newer version wrote it. Nothing is changed then. A second Open is refused while the store is open.
func Open(dir string, nodeID int32) (*Store, error) {
	img, f, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("open metadata file: %w", err)
	}
	return &Store{metalog.New(img, f, metalog.Settings{NodeID: nodeID})}, nil
}

// Exists reports whether a store in the data directory dir holds any metadata. It changes nothing.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, storeDir, storeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Import makes a store of img in the data directory dir, which must hold no store or one without any command.
func Import(dir string, img *metadata.Image) error {
	found, f, err := open(dir)
	if err != nil {
		return fmt.Errorf("import metadata: %w", err)
	}
	if found.Index() > 0 {
		err = fmt.Errorf("the store in %s is not empty: it is at index %d", dir, found.Index())
	} else {
		err = f.replace(img)
	}
	if err = errors.Join(err, f.Close(img)); err != nil {
		return fmt.Errorf("import metadata: %w", err)
	}
	return nil
}

func open(dir string) (*metadata.Image, *file, error) {
	f := &file{path: filepath.Join(dir, storeDir, storeFile)}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return nil, nil, err
	}
	if err := syncDir(dir); err != nil { // or the store could be gone with its directory after a loss of power
		return nil, nil, err
	}
	if err := f.lock(); err != nil {
		return nil, nil, err
	}
	img, err := f.read()
	if err != nil {
		return nil, nil, errors.Join(err, f.directory.Close())
	}
	return img, f, nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// file is the metalog.Journal that keeps the latest image only.
type file struct {
	path      string
	directory *os.File // holds the lock
}

// lock takes the store for this process until directory is closed.
func (f *file) lock() error {
	directory, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	if err := unix.Flock(int(directory.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%s is in use: %w", directory.Name(), err), directory.Close())
	}
	f.directory = directory
	return nil
}

// read returns the image in the file, the empty one when there is no file.
func (f *file) read() (*metadata.Image, error) {
	in, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return new(metadata.Image), nil
	}
	if err != nil {
		return nil, err
	}
	img, err := metadata.ParseDump(in)
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return img, nil
}

// Commit implements metalog.Journal.
func (f *file) Commit(img *metadata.Image, _ []metadata.Entity, _ int) error { return f.replace(img) }

// Close implements metalog.Journal.
func (f *file) Close(*metadata.Image) error { return f.directory.Close() }

// replace makes img the file's content, durably and at once: a crash leaves the old file or the new one.
// Until the rename, an error leaves all as it was.
func (f *file) replace(img *metadata.Image) error {
	temporary, err := os.Create(f.path + ".tmp")
	if err != nil {
		return fmt.Errorf("%w: %w", metalog.ErrNotTried, err)
	}
	err = metadata.Dump(temporary, img)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return fmt.Errorf("%w: %w", metalog.ErrNotTried, errors.Join(err, os.Remove(temporary.Name())))
	}
	if err := os.Rename(temporary.Name(), f.path); err != nil {
		return err
	}
	return f.directory.Sync()
}

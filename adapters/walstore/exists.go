package walstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Exists reports whether there is a store in the data directory dir, or a part of one that shows that there was one:
// Open returns ErrDamaged for such a part. It changes nothing.
func Exists(dir string) (bool, error) {
	database := filepath.Join(dir, databaseDir)
	for _, path := range []string{database, database + outgoingSuffix, filepath.Join(dir, guardFile)} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
	}
	kept, err := snapshots{filepath.Join(dir, snapshotsDir)}.list()
	return len(kept) > 0, err
}

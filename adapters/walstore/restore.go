package walstore

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// Restored says what Restore did.
type Restored struct {
	Snapshot string  // the snapshot that was taken
	Index    uint64  // how many commands it holds; those after it are lost
	Skipped  []error // newer snapshots that could not be read
	Aside    string  // where the old database went, "" when there was none
}

// RestoreOptions say what Restore does.
type RestoreOptions struct {
	Snapshot string // the path of the snapshot; "" for the newest valid one
	Force    bool   // also over a store that is not damaged and holds more
}

// ErrHealthy is in the chain of Restore's error when the store is not damaged and holds more than the snapshot.
var ErrHealthy = errors.New("the metadata store is not damaged")

// Restore recreates the database in set.Dir from a snapshot. It refuses to replace a store that can be opened and holds
// more than the snapshot (ErrHealthy), unless it is forced. Ids and epochs that may have been given out since the
// snapshot are not given out again; see metadata.Image.AfterLoss. The old database is kept beside it, as are snapshots
// newer than the one taken, which belong to another history. No store may be open in set.Dir.
func Restore(set Settings, from RestoreOptions, log *slog.Logger) (Restored, error) {
	img, done, err := chooseSnapshot(snapshots{filepath.Join(set.Dir, snapshotsDir)}, from.Snapshot)
	if err == nil && !from.Force {
		err = checkNothingLost(set, img.Index(), log)
	}
	if err != nil {
		return done, fmt.Errorf("restore metadata: %w", err)
	}
	done.Aside, err = replaceDatabase(set, img.AfterLoss(), done.Index, log)
	if err != nil {
		return done, fmt.Errorf("restore metadata: %w", err)
	}
	return done, nil
}

// checkNothingLost returns ErrHealthy if the store in set.Dir can be opened and has commands after the one with number
// upTo. It returns nil for a store that is damaged or missing. It stores nothing: another snapshot would be the newest.
func checkNothingLost(set Settings, upTo uint64, log *slog.Logger) error {
	if err := set.Validate(); err != nil {
		return err
	}
	database := filepath.Join(set.Dir, databaseDir)
	if err := errors.Join(recoverReplacement(database), checkUnused(database)); err != nil {
		return err
	}
	if _, err := os.Stat(database); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	reached, err := expected(set.Dir)
	if err != nil {
		return unlessDamaged(err)
	}
	db, img, _, err := openImage(set, reached, log)
	if err != nil {
		return unlessDamaged(err)
	}
	if err := db.Close(); err != nil {
		return err
	}
	if held := img.Index(); held > upTo {
		return fmt.Errorf(
			"%w: it holds all up to command %d, the snapshot up to command %d. Nothing has to be restored; --force goes "+
				"back to the snapshot all the same, and what came after it is lost",
			ErrHealthy, held, upTo,
		)
	}
	return nil
}

// unlessDamaged returns nil for the error of a damaged store, which is what Restore is for.
func unlessDamaged(err error) error {
	if errors.Is(err, ErrDamaged) {
		return nil
	}
	return err
}

func chooseSnapshot(s snapshots, path string) (*metadata.Image, Restored, error) {
	if path != "" {
		img, err := readSnapshot(path)
		if err != nil {
			return nil, Restored{}, err
		}
		return img, Restored{Snapshot: path, Index: img.Index()}, nil
	}
	files, err := s.list()
	if err != nil {
		return nil, Restored{}, err
	}
	var done Restored
	for _, f := range files {
		img, err := readSnapshot(f.path)
		if err == nil {
			done.Snapshot, done.Index = f.path, img.Index()
			return img, done, nil
		}
		done.Skipped = append(done.Skipped, err)
	}
	return nil, done, errors.Join(append(done.Skipped, fmt.Errorf("no valid snapshot in %s", s.dir))...)
}

// Import makes a store of img in set.Dir, which must hold no store or one without any command.
func Import(set Settings, img *metadata.Image, log *slog.Logger) error {
	store, err := Open(set, log)
	if err != nil {
		return fmt.Errorf("import metadata: %w", err)
	}
	found := store.Image().Index()
	if err := store.Close(); err != nil {
		return fmt.Errorf("import metadata: %w", err)
	}
	if found > 0 {
		return fmt.Errorf("import metadata: the store in %s is not empty: it is at index %d", set.Dir, found)
	}
	if _, err := replaceDatabase(set, img, img.Index(), log); err != nil {
		return fmt.Errorf("import metadata: %w", err)
	}
	return nil
}

// replaceDatabase replaces the database by one with img, and keeps the old one under another name. The new one is made
// under a temporary name, so that a crash leaves the old one or a store that Open refuses, never half of img. Snapshots
// newer than the command with number upTo are renamed, too.
func replaceDatabase(set Settings, img *metadata.Image, upTo uint64, log *slog.Logger) (aside string, err error) {
	if err := set.Validate(); err != nil {
		return "", err
	}
	s := snapshots{filepath.Join(set.Dir, snapshotsDir)}
	database := filepath.Join(set.Dir, databaseDir)
	if err := errors.Join(os.MkdirAll(s.dir, 0o755), checkUnused(database)); err != nil {
		return "", err
	}
	making := database + ".restoring"
	all, err := changesOf(img, slices.Collect(img.Entities()), nil)
	if err != nil {
		return "", err
	}
	err = errors.Join(os.RemoveAll(making), makeDatabase(making, set, all, log), s.supersede(upTo), s.write(img))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(database); err == nil {
		if aside, err = freeName(database + ".replaced"); err != nil {
			return "", err
		}
		if err := os.Rename(database, aside); err != nil {
			return "", err
		}
	}
	if err := errors.Join(os.Rename(making, database), syncDir(database)); err != nil {
		return aside, err
	}
	g, err := openGuard(filepath.Join(set.Dir, guardFile), img.Index())
	if err != nil {
		return aside, err
	}
	return aside, g.close()
}

// makeDatabase makes a database of all that it is to hold. A crash leaves a part of it.
func makeDatabase(dir string, set Settings, all []change, log *slog.Logger) error {
	db, err := openDatabase(dir, set, log)
	if err != nil {
		return err
	}
	return errors.Join(db.commitInParts(space.Agreed, all), db.Close())
}

// freeName returns the first of base.1, base.2 … that does not exist.
func freeName(base string) (string, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.%d", base, n)
		switch _, err := os.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist):
			return name, nil
		case err != nil:
			return "", err
		}
	}
}

// Package walstore keeps metadata in Badger: every command is synced before it is answered, and commands that wait
// share one sync.
//
// Badger holds one key for each entity of the image and, in a cluster, the note that package raftmeta stores with it.
// Opening must never lose what was acknowledged: a guard file records the index that was reached, all tables are
// verified, and what is missing or unreadable is ErrDamaged. Snapshots of the whole image are kept to restore from
// then. Store is for a broker alone, Replica for a node of a cluster; both are thin layers over package metalog, which
// orders the commands. See docs/decisions/0002-metadata-on-badger.md.
package walstore

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"

	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/space"
	"github.com/chronik-stream/chronik/core/ports"
)

// The names in the data directory.
const (
	databaseDir  = "wal_metadata"
	snapshotsDir = "metalog_snapshots"
	guardFile    = "wal_metadata.guard"
)

// ErrDamaged is in the chain of Open's error when what is on disk is not what was acknowledged.
var ErrDamaged = errors.New("the metadata store is damaged")

// Store is a ports.MetadataStore in Badger.
type Store struct{ *metalog.Log }

var _ ports.MetadataStore = (*Store)(nil)

// ErrReplica is in the chain of Open's error when the store belongs to a node of a cluster. On its own, the node would
// decide without the other nodes.
var ErrReplica = errors.New("the metadata belongs to a node of a cluster, and this broker runs without one")

// Open opens the store in set.Dir, or creates it where there never was one. It is ErrDamaged when
// something that was acknowledged is missing or unreadable, and ErrReplica when OpenReplica has written there;
// nothing is changed then.
func Open(set Settings, log *slog.Logger) (*Store, error) {
	j, note, err := openJournal(set, log)
	if err != nil {
		return nil, advised(err, restoreAdvice)
	}
	img := j.last.Load()
	if note != nil {
		return nil, errors.Join(fmt.Errorf("open metadata store: %w", ErrReplica), j.Close(img))
	}
	return &Store{metalog.New(img, j, metalog.Settings{
		NodeID: set.NodeID, Gather: set.Fsync.BatchSize, Linger: set.Fsync.BatchTimeout,
	})}, nil
}

// openJournal returns a running journal, which holds the image that was stored, and the note stored with it.
func openJournal(set Settings, log *slog.Logger) (*journal, []byte, error) {
	if err := set.Validate(); err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(filepath.Join(set.Dir, snapshotsDir), 0o755); err != nil {
		return nil, nil, fmt.Errorf("open metadata store: %w", err)
	}
	if err := recoverReplacement(filepath.Join(set.Dir, databaseDir)); err != nil {
		return nil, nil, fmt.Errorf("open metadata store: %w", err)
	}
	reached, err := expected(set.Dir)
	if err != nil {
		return nil, nil, err
	}
	if err := checkUnused(filepath.Join(set.Dir, databaseDir)); err != nil {
		return nil, nil, fmt.Errorf("open metadata store: %w", err)
	}
	if err := room(set, space.Agreed, tablesAhead); err != nil {
		return nil, nil, fmt.Errorf("open metadata store: %w", err)
	}
	db, img, note, err := openImage(set, reached, log)
	if err != nil {
		return nil, nil, err
	}
	if err := db.Sync(); err != nil { // without fsync, what a killed process wrote may not be on disk yet
		return nil, nil, errors.Join(fmt.Errorf("open metadata store: %w", err), db.Close())
	}
	g, err := openGuard(filepath.Join(set.Dir, guardFile), img.Index())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open metadata store: %w", err), db.Close())
	}
	return startJournal(set, log, db, g, snapshots{filepath.Join(set.Dir, snapshotsDir)}, img), note, nil
}

// expected returns the index that the store must have reached at least. It is ErrDamaged when there
// was a store and its database is gone.
func expected(dir string) (uint64, error) {
	reached, existed, err := readGuard(filepath.Join(dir, guardFile))
	if err != nil {
		return 0, fmt.Errorf("open metadata store: %w", err)
	}
	kept, err := snapshots{filepath.Join(dir, snapshotsDir)}.list()
	if err != nil {
		return 0, fmt.Errorf("open metadata store: %w", err)
	}
	if len(kept) > 0 {
		reached = max(reached, kept[0].index)
	}
	database := filepath.Join(dir, databaseDir)
	if _, err := os.Stat(filepath.Join(database, badger.ManifestFilename)); err != nil && (existed || len(kept) > 0) {
		return 0, damaged(database, fmt.Errorf("there was a store up to index %d: %w", reached, err))
	}
	return reached, nil
}

// openImage opens the database and reads its image, which must have reached an index at least, and its note.
func openImage(set Settings, reached uint64, log *slog.Logger) (*database, *metadata.Image, []byte, error) {
	database := filepath.Join(set.Dir, databaseDir)
	db, err := openDatabase(database, set, log)
	if err != nil {
		return nil, nil, nil, damaged(database, err)
	}
	if err := db.replayRedo(); err != nil {
		return nil, nil, nil, errors.Join(damaged(database, err), db.Close())
	}
	img, note, err := load(db.DB)
	if err == nil && img.Index() < reached {
		err = fmt.Errorf("it ends at index %d, acknowledged was %d", img.Index(), reached)
	}
	if err != nil {
		return nil, nil, nil, errors.Join(damaged(database, err), db.Close())
	}
	return db, img, note, nil
}

func damaged(database string, cause error) error {
	return fmt.Errorf("%w: %s: %w", ErrDamaged, database, cause)
}

// What to do about a damaged store, and what that costs.
const (
	restoreAdvice = "`chronik-server metadata restore` goes back to the newest valid snapshot in " + snapshotsDir +
		", written at the last clean stop or at most 1,000 changes ago: " +
		"what was created since is lost, what was deleted since is there again without records. " +
		"Records of lost partitions are kept, in directories that end in -stray"
	replaceAdvice = "the other nodes have it: replace this one with `chronik-server cluster replace-node`"
)

// advised adds to the error of a damaged store what to do about it.
func advised(err error, advice string) error {
	if errors.Is(err, ErrDamaged) {
		return fmt.Errorf("%w; %s", err, advice)
	}
	return err
}

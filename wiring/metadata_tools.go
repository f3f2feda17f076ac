package wiring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/chronik-stream/chronik/adapters/filestore"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// MetadataTools work on the metadata of a data directory whose broker does not run.
type MetadataTools struct {
	cfg    *configs.Config
	node   nodeID
	dir    dataDir
	log    *slog.Logger
	unlock func()
}

// OpenMetadataTools locks the data directory, which must exist. It is an error if a broker uses the directory. Callers
// must close the tools.
func OpenMetadataTools(cfg *configs.Config, log *slog.Logger) (*MetadataTools, error) {
	if _, err := os.Stat(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	dir, unlock, err := lockDataDir(cfg)
	if err != nil {
		return nil, err
	}
	return &MetadataTools{cfg: cfg, node: newNodeID(cfg), dir: dir, log: log, unlock: unlock}, nil
}

// Close releases the data directory.
func (t *MetadataTools) Close() { t.unlock() }

// Dump writes the metadata as JSON. It works for nodes of a cluster, too.
func (t *MetadataTools) Dump(w io.Writer) error {
	if !t.cfg.UseWALMetadata || !hasStore(t.dir, true) {
		img, err := t.read(t.cfg.UseWALMetadata)
		if err != nil {
			return err
		}
		return metadata.Dump(w, img)
	}
	store, err := walstore.OpenReplica(walSettings(t.cfg, t.dir, t.node), t.log)
	if err != nil {
		return err
	}
	return errors.Join(metadata.Dump(w, store.Image()), store.Close())
}

// MetadataRestored is the outcome of Restore.
type MetadataRestored = walstore.Restored

// Restore creates the write-ahead store again from a snapshot, "" for the newest valid one. A store that is not damaged
// and holds more is replaced only by force, and that of a node of a cluster never.
func (t *MetadataTools) Restore(snapshot string, force bool) (MetadataRestored, error) {
	if err := t.checkReplaceable(); err != nil {
		return MetadataRestored{}, err
	}
	from := walstore.RestoreOptions{Snapshot: snapshot, Force: force}
	return walstore.Restore(walSettings(t.cfg, t.dir, t.node), from, t.log)
}

// MetadataMigrated is the outcome of Migrate.
type MetadataMigrated struct {
	Topics     int    // those that are listed: without __meta
	Partitions int    // of these
	Aside      string // where the old store is kept
}

// Migrate copies the metadata into the other kind of store: into the write-ahead store when toWAL, else into the JSON
// file. That store must be empty. The old store is moved into a folder of its own, so that no broker starts with it by
// mistake. A node of a cluster has no other kind.
func (t *MetadataTools) Migrate(toWAL bool) (MetadataMigrated, error) {
	if err := t.checkReplaceable(); err != nil {
		return MetadataMigrated{}, err
	}
	img, err := t.read(!toWAL)
	if err != nil {
		return MetadataMigrated{}, err
	}
	if toWAL {
		err = walstore.Import(walSettings(t.cfg, t.dir, t.node), img, t.log)
	} else {
		err = filestore.Import(t.dir.path, img)
	}
	if err != nil {
		return MetadataMigrated{}, err
	}
	aside, err := t.moveAside(!toWAL)
	if err != nil {
		return MetadataMigrated{}, fmt.Errorf("metadata was migrated, but the old store is still there: %w", err)
	}
	topics, partitions := img.ListedCounts()
	return MetadataMigrated{Topics: topics, Partitions: partitions, Aside: aside}, nil
}

// checkReplaceable returns an error if the metadata in the data directory must not be replaced.
func (t *MetadataTools) checkReplaceable() error {
	found, err := lookInto(t.dir)
	if err != nil {
		return err
	}
	return found.CheckReplaceable()
}

// moveAside moves a kind of store into a new folder and returns that folder.
func (t *MetadataTools) moveAside(wal bool) (string, error) {
	aside, err := os.MkdirTemp(t.dir.path, "metadata_migrated_")
	if err != nil {
		return "", err
	}
	for _, name := range storeFiles[wal] {
		err := os.Rename(filepath.Join(t.dir.path, name), filepath.Join(aside, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return aside, nil
}

func (t *MetadataTools) read(wal bool) (*metadata.Image, error) {
	if !hasStore(t.dir, wal) {
		return nil, fmt.Errorf("data directory %s has no metadata of this kind (use_wal_metadata = %t)",
			t.dir.path, wal)
	}
	var store ports.MetadataStore
	var err error
	if wal {
		store, err = walstore.Open(walSettings(t.cfg, t.dir, t.node), t.log)
	} else {
		store, err = filestore.Open(t.dir.path, int32(t.node))
	}
	if err != nil {
		return nil, err
	}
	return store.Image(), store.Close()
}

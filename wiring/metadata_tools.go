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

// Restore creates the write-ahead store again from a snapshot, "" for the newest valid one, and writes to w what it
// did. A store that is not damaged and holds more is replaced only by force.
func (t *MetadataTools) Restore(w io.Writer, snapshot string, force bool) error {
	from := walstore.RestoreOptions{Snapshot: snapshot, Force: force}
	done, err := walstore.Restore(walSettings(t.cfg, t.dir, t.node), from, t.log)
	if err != nil {
		return err
	}
	for _, skipped := range done.Skipped {
		fmt.Fprintf(w, "skipped: %v\n", skipped)
	}
	fmt.Fprintf(w,
		"restored from %s, which holds all up to command %d; what came later is lost: topics, configs and deletions\n",
		done.Snapshot, done.Index)
	fmt.Fprintln(w, "the next start keeps the records of partitions that the restored metadata does not know, "+
		"in directories that end in -stray, and logs each")
	if done.Aside != "" {
		fmt.Fprintf(w, "the old database is kept in %s\n", done.Aside)
	}
	return nil
}

// Migrate copies the metadata into the other kind of store: into the write-ahead store when toWAL, else into the JSON
// file. That store must be empty. The old store is moved into a folder of its own, so that no broker starts with it by
// mistake.
func (t *MetadataTools) Migrate(w io.Writer, toWAL bool) error {
	img, err := t.read(!toWAL)
	if err != nil {
		return err
	}
	if toWAL {
		err = walstore.Import(walSettings(t.cfg, t.dir, t.node), img, t.log)
	} else {
		err = filestore.Import(t.dir.path, img)
	}
	if err != nil {
		return err
	}
	aside, err := t.moveAside(!toWAL)
	if err != nil {
		return fmt.Errorf("metadata was migrated, but the old store is still there: %w", err)
	}
	topics, partitions := img.Counts()
	fmt.Fprintf(w, "migrated %s with %s; the old store is kept in %s\n", counted(topics, "topic"),
		counted(partitions, "partition"), aside)
	fmt.Fprintf(w, "start the broker with use_wal_metadata = %t from now on\n", toWAL)
	return nil
}

// counted returns a number with its noun: 1 topic, 2 topics.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
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

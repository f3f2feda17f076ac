package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/chronik-stream/chronik/adapters/filestore"
	"github.com/chronik-stream/chronik/adapters/seglog"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/domain/space"
	"github.com/chronik-stream/chronik/core/ports"
)

// storeFiles are the names in the data directory of each kind of metadata store, by use_wal_metadata. A store exists if
// the last one exists.
var storeFiles = map[bool][]string{
	true:  {"wal_metadata.guard", "metalog_snapshots", "wal_metadata"},
	false: {"metadata"},
}

func hasStore(dir dataDir, wal bool) bool {
	names := storeFiles[wal]
	_, err := os.Stat(filepath.Join(dir.path, names[len(names)-1]))
	return err == nil
}

// unregistered is a metadata store in which this broker is not registered yet. Services must not use it; the type makes
// sure that they get the store of a registered.
type unregistered[S ports.MetadataStore] struct{ store S }

// storeNeeds is what opening a metadata store needs.
type storeNeeds struct {
	Config *configs.Config
	Dir    dataDir
	Node   nodeID
	Space  *replicas.Space
	Log    *slog.Logger
	Steps  *Progress
}

// openWALStore opens the write-ahead store.
func openWALStore(n storeNeeds) (unregistered[*walstore.Store], func(), error) {
	n.Steps.begin("open the metadata store")
	store, err := walstore.Open(n.wal(), n.Log)
	if err != nil {
		return unregistered[*walstore.Store]{}, nil, err
	}
	return unregistered[*walstore.Store]{store}, n.closing(store), nil
}

// openFileStore opens the store that is one JSON file.
func openFileStore(n storeNeeds) (unregistered[*filestore.Store], func(), error) {
	n.Steps.begin("open the metadata store")
	store, err := filestore.Open(n.Dir.path, int32(n.Node))
	if err != nil {
		return unregistered[*filestore.Store]{}, nil, err
	}
	return unregistered[*filestore.Store]{store}, n.closing(store), nil
}

// closing returns the cleanup of a metadata store.
func (n *storeNeeds) closing(store ports.MetadataStore) func() {
	return closing(n.Steps, n.Log, "metadata store", store.Close)
}

// closing returns the cleanup of a part of the broker. It reports the step and its error to steps.
func closing(steps *Progress, log *slog.Logger, part string, closePart func() error) func() {
	return func() {
		steps.begin("close the " + part)
		err := closePart()
		if err != nil {
			log.Error("part of the broker not closed", "part", part, "err", err)
		}
		steps.ended(err)
	}
}

// wal returns the settings under [metadata.wal].
func (n *storeNeeds) wal() walstore.Settings {
	set := walSettings(n.Config, n.Dir, n.Node)
	set.Space = n.Space
	return set
}

// walSettings returns the settings under [metadata.wal], without a check of the disk's space.
func walSettings(cfg *configs.Config, dir dataDir, node nodeID) walstore.Settings {
	w := cfg.WAL
	return walstore.Settings{
		Dir: dir.path, NodeID: int32(node),
		SegmentSize: w.SegmentSize, FlushInterval: w.FlushInterval, FlushThreshold: w.FlushThreshold,
		Compression: w.Compression,
		Checkpoint: walstore.Checkpoint{
			Enabled: w.CheckpointEnabled, IntervalRecords: int(w.CheckpointIntervalRecords),
			IntervalBytes: w.CheckpointIntervalBytes,
		},
		Rotation: walstore.Rotation{
			MaxSegmentSize: w.RotationMaxSegmentSize, MaxSegmentAge: w.RotationMaxSegmentAge,
			CoordinateWithStorage: w.RotationCoordinateWithStorage,
		},
		Fsync: walstore.Fsync{
			Enabled: w.FsyncEnabled, BatchSize: int(w.FsyncBatchSize), BatchTimeout: w.FsyncBatchTimeout,
		},
	}
}

// flushPolicies are the values of the setting flush.
var flushPolicies = map[string]ports.FlushPolicy{
	"sync": ports.FlushSync, "interval": ports.FlushInterval, "os": ports.FlushOS,
}

// logNeeds is what openLogs needs.
type logNeeds struct {
	Config        *configs.Config
	Dir           dataDir
	Space         *replicas.Space
	Synced        func(time.Duration) // is called with the duration of each sync
	Decompression *record.Budget
	Log           *slog.Logger
	Steps         *Progress
}

// openLogs opens the record store.
func openLogs(ctx context.Context, n logNeeds) (ports.LogStore, func(), error) {
	n.Steps.begin("open the record store")
	if err := n.Space.Room(space.Agreed, 0); err != nil {
		return nil, nil, fmt.Errorf("open the record store: %w", err)
	}
	memory := sharesOf(n.Config.Memory)
	store, err := seglog.Open(ctx, seglog.Options{
		Dir: n.Dir.path, FlushInterval: n.Config.FlushInterval, CleanerMemory: int(memory.compaction), Log: n.Log,
		Space:         n.Space,
		Decompression: n.Decompression,
		Journal: journal.Options{
			FileBytes: n.Config.Journal.FileSize, MaxFiles: int(n.Config.Journal.MaxFiles), Synced: n.Synced,
		},
	})
	if err != nil {
		return nil, nil, err
	}
	return store, closing(n.Steps, n.Log, "record store", func() error {
		return errors.Join(n.Space.Room(space.Agreed, 0), store.Close())
	}), nil
}

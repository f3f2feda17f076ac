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
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/domain/space"
	"github.com/chronik-stream/chronik/core/ports"
)

// storeFiles are the names in the data directory of the kinds of metadata store, by use_wal_metadata. The last
// one is what makes a store.
var storeFiles = map[bool][]string{
	true:  {"wal_metadata.guard", "metalog_snapshots", "wal_metadata"},
	false: {"metadata"},
}

func hasStore(dir dataDir, wal bool) bool {
	names := storeFiles[wal]
	_, err := os.Stat(filepath.Join(dir.path, names[len(names)-1]))
	return err == nil
}

// openMetadata opens the metadata store that the configuration chooses. It makes none where there is one of the other
// kind: without their metadata, records would be taken for those of deleted topics.
func openMetadata(
	cfg *configs.Config, dir dataDir, m membership, s *replicas.Space, log *slog.Logger, steps *Progress,
) (ports.MetadataStore, func(), error) {
	steps.begin("open the metadata store")
	if !hasStore(dir, cfg.UseWALMetadata) && hasStore(dir, !cfg.UseWALMetadata) {
		return nil, nil, fmt.Errorf(
			"data directory %s keeps its metadata with use_wal_metadata = %t: set that, or move it with "+
				"`chronik-server metadata migrate`",
			dir.path, !cfg.UseWALMetadata,
		)
	}
	var store ports.MetadataStore
	var err error
	if cfg.UseWALMetadata {
		store, err = walstore.Open(walSettings(cfg, dir, m, s), log)
	} else {
		store, err = filestore.Open(dir.path, m.nodeID)
	}
	if err != nil {
		return nil, nil, err
	}
	return store, func() {
		steps.begin("close the metadata store")
		err := store.Close()
		if err != nil {
			log.Error("metadata store did not close well", "err", err)
		}
		steps.ended(err)
	}, nil
}

// walSettings are the settings under [metadata.wal]; s is nil where nobody watches the disk.
func walSettings(cfg *configs.Config, dir dataDir, m membership, s *replicas.Space) walstore.Settings {
	w := cfg.WAL
	set := walstore.Settings{
		Dir: dir.path, NodeID: m.nodeID,
		SegmentSize: w.SegmentSize, FlushInterval: w.FlushInterval, FlushThreshold: w.FlushThreshold, Compression: w.Compression,
		Checkpoint: walstore.Checkpoint{
			Enabled: w.CheckpointEnabled, IntervalRecords: int(w.CheckpointIntervalRecords), IntervalBytes: w.CheckpointIntervalBytes,
		},
		Rotation: walstore.Rotation{
			MaxSegmentSize: w.RotationMaxSegmentSize, MaxSegmentAge: w.RotationMaxSegmentAge,
			CoordinateWithStorage: w.RotationCoordinateWithStorage,
		},
		Fsync: walstore.Fsync{Enabled: w.FsyncEnabled, BatchSize: int(w.FsyncBatchSize), BatchTimeout: w.FsyncBatchTimeout},
	}
	if s != nil {
		set.Space = s
	}
	return set
}

// flushPolicies are what the setting flush may be.
var flushPolicies = map[string]ports.FlushPolicy{
	"sync": ports.FlushSync, "interval": ports.FlushInterval, "os": ports.FlushOS,
}

// openLogs opens the records' store.
func openLogs(
	ctx context.Context, cfg *configs.Config, dir dataDir, s *replicas.Space, synced func(time.Duration),
	decompression *record.Budget, log *slog.Logger, steps *Progress,
) (ports.LogStore, func(), error) {
	steps.begin("open the record store")
	if err := s.Room(space.Agreed, 0); err != nil {
		return nil, nil, fmt.Errorf("open the record store: %w", err)
	}
	memory := sharesOf(cfg.Memory)
	store, err := seglog.Open(ctx, seglog.Options{
		Dir: dir.path, FlushInterval: cfg.FlushInterval, CleanerMemory: int(memory.compaction), Log: log, Space: s,
		ProducerMemory: partition.NewProducerMemory(memory.producers), Decompression: decompression,
		Journal: journal.Options{FileBytes: cfg.Journal.FileSize, MaxFiles: int(cfg.Journal.MaxFiles), Synced: synced},
	})
	if err != nil {
		return nil, nil, err
	}
	return store, func() {
		steps.begin("close the record store")
		err := s.Room(space.Agreed, 0)
		err = errors.Join(err, store.Close())
		if err != nil {
			log.Error("record store did not close well", "err", err)
		}
		steps.ended(err)
	}, nil
}

package walstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/chronik-stream/chronik/core/domain/space"
)

// Settings are the store's settings; each is a key under [metadata.wal], named in the comment. See
// docs/decisions/0002-metadata-on-badger.md for what each means to Badger.
type Settings struct {
	Dir    string // the data directory; the store uses wal_metadata and metalog_snapshots in it
	NodeID int32  // this node's broker id

	SegmentSize    int64         // segment_size: bytes of a value-log file, 1 MiB to 1 GiB
	FlushInterval  time.Duration // flush_interval_ms: without fsync, the time between syncs
	FlushThreshold int64         // flush_threshold: without fsync, the bytes between syncs
	Compression    string        // compression: of tables, "none", "snappy" or "zstd"

	Checkpoint Checkpoint
	Rotation   Rotation
	Fsync      Fsync

	Space Space // nil: only the file system's free space counts
}

// Space knows how much may still be written to the disk.
type Space interface {
	// Room returns nil when n bytes may be written for the use, and there is room for them.
	Room(use space.Use, n int64) error
}

// Checkpoint says when a snapshot is written, beside rotation and Close.
type Checkpoint struct {
	Enabled         bool  // checkpoint.enabled: without it, snapshots are written at Close and rotation only
	IntervalRecords int   // checkpoint.interval_records: commands since the last snapshot
	IntervalBytes   int64 // checkpoint.interval_bytes: bytes of changed entities since the last snapshot
}

// Rotation says when a snapshot is written and the value log's garbage is collected.
type Rotation struct {
	MaxSegmentSize        int64         // rotation.max_segment_size: bytes of changed entities since the last one
	MaxSegmentAge         time.Duration // rotation.max_segment_age_ms: time since the last one, if there were changes
	CoordinateWithStorage bool          // rotation.coordinate_with_storage: not offered, must be false
}

// Fsync says what an Apply waits for.
type Fsync struct {
	Enabled      bool          // fsync.enabled: every commit is synced before its commands are answered
	BatchSize    int           // fsync.batch_size: commands that a commit waits for, BatchTimeout at most
	BatchTimeout time.Duration // fsync.batch_timeout_ms: 0: a commit waits for none, and takes those that are queued
}

// Validate returns an error that names the first setting that is out of bounds, its value and the bounds.
func (s Settings) Validate() error {
	bounds := []struct {
		key       string
		value     int64
		low, high int64
	}{
		{"segment_size", s.SegmentSize, 1 << 20, 1 << 30},
		{"flush_interval_ms", s.FlushInterval.Milliseconds(), 1, time.Hour.Milliseconds()},
		{"flush_threshold", s.FlushThreshold, 1, 1 << 30},
		{"checkpoint.interval_records", int64(s.Checkpoint.IntervalRecords), 1, 1 << 30},
		{"checkpoint.interval_bytes", s.Checkpoint.IntervalBytes, 1 << 10, 1 << 40},
		{"rotation.max_segment_size", s.Rotation.MaxSegmentSize, 1 << 20, 1 << 40},
		{
			"rotation.max_segment_age_ms",
			s.Rotation.MaxSegmentAge.Milliseconds(),
			1000, (365 * 24 * time.Hour).Milliseconds(),
		},
		{"fsync.batch_size", int64(s.Fsync.BatchSize), 1, 256},
		{"fsync.batch_timeout_ms", s.Fsync.BatchTimeout.Milliseconds(), 0, 60_000},
	}
	for _, b := range bounds {
		if b.value < b.low || b.value > b.high {
			return fmt.Errorf("metadata.wal.%s = %d, allowed %d to %d", b.key, b.value, b.low, b.high)
		}
	}
	if _, ok := compressions[s.Compression]; !ok {
		return fmt.Errorf(`metadata.wal.compression = %q, allowed "none", "snappy", "zstd"`, s.Compression)
	}
	if s.Rotation.CoordinateWithStorage {
		return errors.New("metadata.wal.rotation.coordinate_with_storage = true, allowed false: " +
			"metadata and records have logs of their own")
	}
	return nil
}

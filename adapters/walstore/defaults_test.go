package walstore

import "time"

// DefaultSettings returns the settings of most tests. They are the defaults, which stand in configs.
func DefaultSettings(dir string) Settings {
	return Settings{
		Dir:            dir,
		SegmentSize:    50 << 20,
		FlushInterval:  100 * time.Millisecond,
		FlushThreshold: 1 << 20,
		Compression:    "none",
		Checkpoint:     Checkpoint{Enabled: true, IntervalRecords: 1000, IntervalBytes: 10 << 20},
		Rotation:       Rotation{MaxSegmentSize: 50 << 20, MaxSegmentAge: time.Hour},
		Fsync:          Fsync{Enabled: true, BatchSize: 1},
	}
}

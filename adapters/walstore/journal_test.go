package walstore

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// patience is how long a test waits for the keeper.
const patience = 20 * time.Second

// awaitSnapshot waits until the newest snapshot has that index, and returns how many snapshots there are.
func awaitSnapshot(t *testing.T, set Settings, index uint64) int {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		files, err := snapshots{filepath.Join(set.Dir, snapshotsDir)}.list()
		if err != nil {
			t.Fatal(err)
		}
		if len(files) > 0 && files[0].index >= index {
			return len(files)
		}
		if time.Now().After(deadline) {
			t.Fatalf("no snapshot of index %d: %v", index, files)
		}
		time.Sleep(time.Millisecond) // between polls of a directory
	}
}

func TestASnapshotIsWrittenAfterEnoughCommandsAndTwoAreKept(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	set.Checkpoint.IntervalRecords = 10
	s := open(t, set)
	defer closeStore(t, s)
	for round := range uint64(5) {
		for range 10 {
			apply(t, s, metadata.AllocateProducerIDs{Count: 1})
		}
		if kept := awaitSnapshot(t, set, 10*(round+1)); kept != min(int(round)+1, snapshotsKept) && kept != snapshotsKept+1 {
			t.Errorf("round %d: %d snapshots", round, kept) // one more for a moment, before the oldest goes
		}
	}
}

func TestASnapshotIsWrittenAfterEnoughBytes(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	set.Checkpoint.IntervalBytes = 20 << 10
	s := open(t, set)
	defer closeStore(t, s)
	apply(t, s, metadata.RegisterBroker{ID: 1})
	apply(t, s, metadata.CreateTopic{Name: "wide", ID: testID(1), Partitions: 3000, ReplicationFactor: 1})
	awaitSnapshot(t, set, 2)
}

func TestRotationBySizeWritesASnapshotWithoutCheckpoints(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	set.Checkpoint.Enabled, set.Rotation.MaxSegmentSize = false, 1<<20
	s := open(t, set)
	defer closeStore(t, s)
	apply(t, s, metadata.RegisterBroker{ID: 1})
	for n := range 30 {
		apply(t, s, metadata.CreateTopic{
			Name: fmt.Sprint("wide-", n), ID: testID(n + 1), Partitions: 5000, ReplicationFactor: 1,
		})
	}
	awaitSnapshot(t, set, 10)
}

func TestRotationByAgeWritesASnapshot(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	set.Rotation.MaxSegmentAge = time.Second
	s := open(t, set)
	defer closeStore(t, s)
	apply(t, s, metadata.AllocateProducerIDs{Count: 1})
	awaitSnapshot(t, set, 1)
}

func TestCloseWritesASnapshotThatHoldsAll(t *testing.T) {
	set := filled(t, 7)
	files, err := snapshots{filepath.Join(set.Dir, snapshotsDir)}.list()
	if err != nil || len(files) != 1 {
		t.Fatalf("snapshots: %v, %v", files, err)
	}
	img, err := readSnapshot(files[0].path)
	if err != nil {
		t.Fatal(err)
	}
	if topics, _ := img.Counts(); topics != 7 || img.Index() != files[0].index {
		t.Errorf("the snapshot holds %d topics at index %d", topics, img.Index())
	}
	before, err := os.ReadFile(files[0].path)
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, open(t, set)) // nothing changes, no snapshot
	after, err := os.ReadFile(files[0].path)
	if err != nil || string(after) != string(before) {
		t.Errorf("an idle store has changed its snapshot (%v)", err)
	}
}

// TestLargeTopicsGoThroughTheValueLog: they are larger than Badger's transactions allow otherwise.
func TestLargeTopicsGoThroughTheValueLog(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	s := open(t, set)
	apply(t, s, metadata.RegisterBroker{ID: 1})
	apply(t, s, metadata.CreateTopic{Name: "wide", ID: testID(1), Partitions: 10_000, ReplicationFactor: 1})
	for n := range int32(9) {
		apply(t, s, metadata.CreatePartitions{Topic: "wide", Count: 10_000 * (n + 2)})
	}
	closeStore(t, s)
	s = open(t, set)
	defer closeStore(t, s)
	if _, partitions := s.Image().Counts(); partitions != 100_000 {
		t.Errorf("%d partitions after reopening", partitions)
	}
}

func TestWithoutFsyncTheStoreIsWrittenAllTheSame(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"by interval":  func(s *Settings) { s.FlushInterval = time.Millisecond },
		"by threshold": func(s *Settings) { s.FlushThreshold = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			set := DefaultSettings(t.TempDir())
			set.Fsync.Enabled = false
			change(&set)
			s := open(t, set)
			addTopics(t, s, 0, 100)
			closeStore(t, s)
			if names := topicNames(t, set); len(names) != 100 {
				t.Errorf("%d topics after reopening", len(names))
			}
		})
	}
}

func TestCompressedStoresWork(t *testing.T) {
	for _, codec := range []string{"snappy", "zstd"} {
		set := DefaultSettings(t.TempDir())
		set.Compression = codec
		s := open(t, set)
		addTopics(t, s, 0, 100)
		closeStore(t, s)
		if names := topicNames(t, set); len(names) != 100 {
			t.Errorf("%s: %d topics after reopening", codec, len(names))
		}
	}
}

func TestAFullDiskIsNotWrittenTo(t *testing.T) {
	dir := t.TempDir()
	if err := checkSpace(dir, 1); err != nil {
		t.Errorf("one byte: %v", err)
	}
	if err := checkSpace(dir, math.MaxInt64); !errors.Is(err, metalog.ErrNotTried) || !strings.Contains(err.Error(), dir) {
		t.Errorf("more than there is: %v", err)
	}
}

func TestSettingsOutOfBoundsAreRefusedByName(t *testing.T) {
	for text, change := range map[string]func(*Settings){
		"segment_size = 1048575, allowed 1048576 to":        func(s *Settings) { s.SegmentSize = 1<<20 - 1 },
		"flush_interval_ms = 0, allowed 1 to":               func(s *Settings) { s.FlushInterval = 0 },
		"flush_threshold = 0, allowed 1 to":                 func(s *Settings) { s.FlushThreshold = 0 },
		`compression = "lz4", allowed "none"`:               func(s *Settings) { s.Compression = "lz4" },
		"checkpoint.interval_records = 0, allowed 1 to":     func(s *Settings) { s.Checkpoint.IntervalRecords = 0 },
		"checkpoint.interval_bytes = 1, allowed 1024 to":    func(s *Settings) { s.Checkpoint.IntervalBytes = 1 },
		"rotation.max_segment_size = 1, allowed 1048576 to": func(s *Settings) { s.Rotation.MaxSegmentSize = 1 },
		"rotation.max_segment_age_ms = 1, allowed 1000 to": func(s *Settings) {
			s.Rotation.MaxSegmentAge = time.Millisecond
		},
		"rotation.coordinate_with_storage = true":  func(s *Settings) { s.Rotation.CoordinateWithStorage = true },
		"fsync.batch_size = 257, allowed 1 to 256": func(s *Settings) { s.Fsync.BatchSize = 257 },
		"fsync.batch_timeout_ms = 60001, allowed 0 to": func(s *Settings) {
			s.Fsync.BatchTimeout = 60_001 * time.Millisecond
		},
	} {
		set := DefaultSettings(t.TempDir())
		change(&set)
		if _, err := Open(set, discard()); err == nil || !strings.Contains(err.Error(), "metadata.wal."+text) {
			t.Errorf("Open() = %v, want metadata.wal.%s", err, text)
		}
	}
}

// BenchmarkApply shows what group commit gains: commands per second by the number of clients.
func BenchmarkApply(b *testing.B) {
	for _, clients := range []int{2, 8, 64} {
		b.Run(fmt.Sprintf("%d clients", clients), func(b *testing.B) {
			s := open(b, DefaultSettings(b.TempDir()))
			defer closeStore(b, s)
			if _, err := s.Apply(b.Context(), metadata.RegisterBroker{ID: 1}); err != nil {
				b.Fatal(err)
			}
			var n atomic.Int64
			b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := n.Add(1)
					_, err := s.Apply(b.Context(), metadata.CreateTopic{
						Name: fmt.Sprint("t-", n), ID: testID(int(n)), Partitions: 1, ReplicationFactor: 1,
					})
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}

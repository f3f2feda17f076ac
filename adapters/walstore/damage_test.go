package walstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// filled returns the settings of a closed store with a broker and that many topics.
func filled(t *testing.T, topics int) Settings {
	t.Helper()
	set := DefaultSettings(t.TempDir())
	s := open(t, set)
	addTopics(t, s, 0, topics)
	closeStore(t, s)
	return set
}

func addTopics(t *testing.T, s *Store, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if n == 0 {
			apply(t, s, metadata.RegisterBroker{ID: 1, Incarnation: [16]byte{1}})
		}
		apply(t, s, metadata.CreateTopic{Name: fmt.Sprintf("topic-%d", n), ID: testID(n + 1), Partitions: 2, ReplicationFactor: 1})
	}
}

func apply(t *testing.T, s *Store, cmd metadata.Command) {
	t.Helper()
	if _, err := s.Apply(t.Context(), cmd); err != nil {
		t.Fatalf("Apply(%+v) = %v", cmd, err)
	}
}

// refusesDamage checks that Open says what is wrong and how it is put right.
func refusesDamage(t *testing.T, set Settings) {
	t.Helper()
	s, err := Open(set, discard())
	if err == nil {
		defer closeStore(t, s)
		t.Fatalf("Open() of a damaged store succeeds, at index %d", s.Image().Index())
	}
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "chronik-server metadata restore") {
		t.Errorf("Open() = %v", err)
	}
}

func TestAMissingDatabaseIsRefusedAndRestored(t *testing.T) {
	set := filled(t, 10)
	if err := os.RemoveAll(filepath.Join(set.Dir, databaseDir)); err != nil {
		t.Fatal(err)
	}
	refusesDamage(t, set)
	done, err := Restore(set, "", discard())
	if err != nil || done.Index != 11 || done.Aside != "" || len(done.Skipped) != 0 {
		t.Fatalf("Restore() = %+v, %v", done, err)
	}
	s := open(t, set)
	defer closeStore(t, s)
	if topics, _ := s.Image().Counts(); topics != 10 || s.Image().Index() != 11 {
		t.Errorf("restored: %d topics at index %d", topics, s.Image().Index())
	}
	addTopics(t, s, 10, 12)
}

// TestAMissingDatabaseIsNoticedWithoutTheGuard: a snapshot says as well that there was a store.
func TestAMissingDatabaseIsNoticedWithoutTheGuard(t *testing.T) {
	set := filled(t, 10)
	for _, name := range []string{databaseDir, guardFile} {
		if err := os.RemoveAll(filepath.Join(set.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	refusesDamage(t, set)
}

// TestALostTailOfBadgersLogIsRefused: Badger itself takes the first broken entry for the log's end.
func TestALostTailOfBadgersLogIsRefused(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	s := open(t, set)
	addTopics(t, s, 0, 50)
	copied := DefaultSettings(t.TempDir()) // as after kill -9: Close would have written tables
	if err := os.CopyFS(copied.Dir, os.DirFS(set.Dir)); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	whole := open(t, copied)
	if got, want := whole.Image().Index(), s.Image().Index(); got != want {
		t.Fatalf("the copy has index %d, want %d", got, want)
	}
	closeStore(t, whole)

	torn := DefaultSettings(t.TempDir())
	s = open(t, torn)
	addTopics(t, s, 0, 50)
	broken := DefaultSettings(t.TempDir())
	if err := os.CopyFS(broken.Dir, os.DirFS(torn.Dir)); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	flip(t, newest(t, filepath.Join(broken.Dir, databaseDir, "*.mem")), 2000)
	if err := os.CopyFS(filepath.Join(broken.Dir, snapshotsDir), os.DirFS(filepath.Join(torn.Dir, snapshotsDir))); err != nil {
		t.Fatal(err)
	}
	refusesDamage(t, broken)
	if _, err := Restore(broken, "", discard()); err != nil {
		t.Fatal(err)
	}
	s = open(t, broken)
	defer closeStore(t, s)
	if topics, _ := s.Image().Counts(); topics != 50 {
		t.Errorf("restored: %d topics", topics)
	}
}

// TestEveryDamagedTableIsRefused changes single bytes of Badger's tables and manifest, one at a time.
func TestEveryDamagedFileIsRefusedOrHarmless(t *testing.T) {
	set := filled(t, 200)
	want := len(topicNames(t, set))
	for _, pattern := range []string{"*.sst", "MANIFEST"} {
		path := newest(t, filepath.Join(set.Dir, databaseDir, pattern))
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		for n := range int64(12) {
			damaged := DefaultSettings(t.TempDir())
			if err := os.CopyFS(damaged.Dir, os.DirFS(set.Dir)); err != nil {
				t.Fatal(err)
			}
			flip(t, filepath.Join(damaged.Dir, databaseDir, filepath.Base(path)), info.Size()*n/12)
			s, err := Open(damaged, discard())
			if err != nil {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%s, byte %d: %v", path, info.Size()*n/12, err)
				}
				continue
			}
			if topics, _ := s.Image().Counts(); topics != want {
				t.Errorf("%s, byte %d changed: opened with %d of %d topics", path, info.Size()*n/12, topics, want)
			}
			closeStore(t, s)
		}
	}
}

func TestRestoreSkipsADamagedSnapshotAndKeepsWhatItReplaces(t *testing.T) {
	set := filled(t, 10)
	s := open(t, set)
	addTopics(t, s, 10, 20)
	closeStore(t, s)
	files, err := snapshots{filepath.Join(set.Dir, snapshotsDir)}.list()
	if err != nil || len(files) != 2 {
		t.Fatalf("snapshots: %v, %v", files, err)
	}
	flip(t, files[0].path, 100)
	done, err := Restore(set, "", discard())
	if err != nil || done.Index != 11 || done.Snapshot != files[1].path || len(done.Skipped) != 1 {
		t.Fatalf("Restore() = %+v, %v", done, err)
	}
	for _, kept := range []string{done.Aside, files[0].path + supersededSuffix} {
		if _, err := os.Stat(kept); err != nil {
			t.Errorf("what was replaced is gone: %v", err)
		}
	}
	if names := topicNames(t, set); len(names) != 10 {
		t.Errorf("restored: %v", names)
	}
}

func TestRestoreTakesTheSnapshotThatItIsTold(t *testing.T) {
	set := filled(t, 10)
	first, err := snapshots{filepath.Join(set.Dir, snapshotsDir)}.list()
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, set)
	addTopics(t, s, 10, 20)
	closeStore(t, s)
	done, err := Restore(set, first[0].path, discard())
	if err != nil || done.Index != 11 {
		t.Fatalf("Restore() = %+v, %v", done, err)
	}
	if names := topicNames(t, set); len(names) != 10 {
		t.Errorf("restored: %v", names)
	}
}

func TestRestoreWithoutAValidSnapshotChangesNothing(t *testing.T) {
	set := filled(t, 10)
	files, err := filepath.Glob(filepath.Join(set.Dir, snapshotsDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		flip(t, path, 50)
	}
	if done, err := Restore(set, "", discard()); err == nil || !errors.Is(err, metadata.ErrCorrupt) {
		t.Errorf("Restore() = %+v, %v", done, err)
	}
	if _, err := Restore(set, filepath.Join(set.Dir, "none"), discard()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Restore() of no file = %v", err)
	}
	if names := topicNames(t, set); len(names) != 10 {
		t.Errorf("afterwards: %v", names)
	}
}

func TestAStoreInUseIsNeitherOpenedNorRestored(t *testing.T) {
	set := filled(t, 3)
	s := open(t, set)
	defer closeStore(t, s)
	if _, err := Open(set, discard()); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second Open() = %v", err)
	}
	if _, err := Restore(set, "", discard()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Restore() of an open store = %v", err)
	}
}

func TestImportFillsAnEmptyStoreOnly(t *testing.T) {
	from := open(t, filled(t, 5))
	img := from.Image()
	closeStore(t, from)
	to := DefaultSettings(t.TempDir())
	if err := Import(to, img, discard()); err != nil {
		t.Fatal(err)
	}
	if err := Import(to, img, discard()); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("second Import() = %v", err)
	}
	s := open(t, to)
	defer closeStore(t, s)
	if s.Image().Index() != img.Index() {
		t.Errorf("imported index %d, want %d", s.Image().Index(), img.Index())
	}
	addTopics(t, s, 5, 6)
}

func topicNames(t *testing.T, set Settings) []string {
	t.Helper()
	s := open(t, set)
	defer closeStore(t, s)
	var names []string
	for topic := range s.Image().Topics() {
		names = append(names, topic.Name)
	}
	return names
}

// newest returns the last file that matches pattern.
func newest(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s (%v)", pattern, err)
	}
	return slices.Max(files)
}

// flip changes the byte at offset.
func flip(t *testing.T, path string, offset int64) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	b := make([]byte, 1)
	if _, err := file.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x55
	if _, err := file.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
}

package walstore

import (
	"bytes"
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
		apply(t, s, metadata.CreateTopic{
			Name: fmt.Sprintf("topic-%d", n), ID: testID(n + 1), Partitions: 2, ReplicationFactor: 1,
		})
	}
}

func apply(t *testing.T, s *Store, cmd metadata.Command) {
	t.Helper()
	if _, err := s.Apply(t.Context(), cmd); err != nil {
		t.Fatalf("Apply(%+v) = %v", cmd, err)
	}
}

// refusesDamage checks that Open's error says what is wrong and how to repair it.
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
	done, err := Restore(set, RestoreOptions{}, discard())
	if err != nil || done.Index != 11 || done.Aside != "" || len(done.Skipped) != 0 {
		t.Fatalf("Restore() = %+v, %v", done, err)
	}
	s := open(t, set)
	defer closeStore(t, s)
	if topics, _ := s.Image().Counts(); topics != 10 || s.Image().Index() <= 11 || !s.Image().Restored() {
		t.Errorf("restored: %d topics at index %d, known to be restored: %t", topics, s.Image().Index(), s.Image().Restored())
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

// TestAnUnreadableGuardIsRewritten: a guard may be torn after a loss of power, and still proves that there was a store.
func TestAnUnreadableGuardIsRewritten(t *testing.T) {
	set := filled(t, 3)
	path := filepath.Join(set.Dir, guardFile)
	for _, torn := range []string{"", "chronik-metadata-guard 1 index 00000000000000000009 crc 00000000\n", "\x00\x00"} {
		if err := os.WriteFile(path, []byte(torn), 0o644); err != nil {
			t.Fatal(err)
		}
		if index, found, err := readGuard(path); index != 0 || !found || err != nil {
			t.Errorf("readGuard() of %q = %d, %t, %v", torn, index, found, err)
		}
		closeStore(t, open(t, set))
		if index, found, err := readGuard(path); index != 4 || !found || err != nil {
			t.Errorf("readGuard() after opening = %d, %t, %v", index, found, err)
		}
	}
}

// TestNoDamagedByteLosesAnything changes single bytes of each of Badger's files, one at a time, in a store that
// was closed and in one that was killed. Open must refuse or find everything.
func TestNoDamagedByteLosesAnything(t *testing.T) {
	closed := DefaultSettings(t.TempDir())
	closed.SegmentSize = 1 << 20 // copies are of files without holes
	s := open(t, closed)
	addTopics(t, s, 0, 200)
	apply(t, s, metadata.CreateTopic{Name: "wide", ID: testID(1000), Partitions: 5000, ReplicationFactor: 1})
	killed := copied(t, closed) // Close would write tables
	want := s.Image().Index()
	closeStore(t, s)
	for name, c := range map[string]struct {
		set      Settings
		patterns []string
	}{
		"closed": {closed, []string{"*.sst", "*.vlog", "MANIFEST", "KEYREGISTRY", "DISCARD"}},
		"killed": {killed, []string{"*.mem", "*.vlog", "MANIFEST", "KEYREGISTRY", "DISCARD"}},
	} {
		for _, pattern := range c.patterns {
			t.Run(name+" "+pattern, func(t *testing.T) { damageOneByOne(t, c.set, pattern, want) })
		}
	}
}

func damageOneByOne(t *testing.T, set Settings, pattern string, want uint64) {
	t.Helper()
	path := newest(t, filepath.Join(set.Dir, databaseDir, pattern))
	const spots = 12
	size := usedSize(t, path)
	refused := 0
	for n := range int64(spots) {
		bad := copied(t, set)
		flip(t, filepath.Join(bad.Dir, databaseDir, filepath.Base(path)), size*n/spots)
		s, err := Open(bad, discard())
		if err != nil {
			refused++
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("byte %d of %d: %v", size*n/spots, size, err)
			}
			continue
		}
		if s.Image().Index() != want {
			t.Errorf("byte %d of %d changed: opened at index %d of %d", size*n/spots, size, s.Image().Index(), want)
		}
		closeStore(t, s)
	}
	t.Logf("%d of %d refused", refused, spots)
}

func TestALostTailOfBadgersLogIsRefusedAndRestored(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	set.SegmentSize, set.Checkpoint.IntervalRecords = 1<<20, 30
	s := open(t, set)
	addTopics(t, s, 0, 29)
	awaitSnapshot(t, set, 30)
	addTopics(t, s, 29, 50)
	killed := copied(t, set)
	closeStore(t, s)
	flip(t, newest(t, filepath.Join(killed.Dir, databaseDir, "*.mem")), 2000)
	refusesDamage(t, killed)
	if done, err := Restore(killed, RestoreOptions{}, discard()); err != nil || done.Index != 30 {
		t.Fatalf("Restore() = %+v, %v", done, err)
	}
	if names := topicNames(t, killed); len(names) != 29 {
		t.Errorf("restored: %d topics", len(names))
	}
}

// copied returns the settings of a copy of a store, as it is on disk.
func copied(t *testing.T, set Settings) Settings {
	t.Helper()
	bad := set
	bad.Dir = t.TempDir()
	if err := os.CopyFS(bad.Dir, os.DirFS(set.Dir)); err != nil {
		t.Fatal(err)
	}
	return bad
}

// usedSize returns the size of a file without the zeros at its end.
func usedSize(t *testing.T, path string) int64 {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return int64(max(1, len(bytes.TrimRight(content, "\x00"))))
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
	done, err := Restore(set, RestoreOptions{Force: true}, discard())
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

func TestRestoreTakesTheNamedSnapshot(t *testing.T) {
	set := filled(t, 10)
	first, err := snapshots{filepath.Join(set.Dir, snapshotsDir)}.list()
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, set)
	addTopics(t, s, 10, 20)
	closeStore(t, s)
	done, err := Restore(set, RestoreOptions{Snapshot: first[0].path, Force: true}, discard())
	if err != nil || done.Index != 11 {
		t.Fatalf("Restore() = %+v, %v", done, err)
	}
	if names := topicNames(t, set); len(names) != 10 {
		t.Errorf("restored: %v", names)
	}
}

// TestAStoreThatHoldsMoreIsRestoredOnlyByForce: also when the command is repeated.
func TestAStoreThatHoldsMoreIsRestoredOnlyByForce(t *testing.T) {
	set := filled(t, 10)
	first, err := snapshots{filepath.Join(set.Dir, snapshotsDir)}.list()
	if err != nil {
		t.Fatal(err)
	}
	if done, err := Restore(copied(t, set), RestoreOptions{}, discard()); err != nil {
		t.Errorf("Restore() of a store that holds no more = %+v, %v", done, err)
	}
	s := open(t, set)
	addTopics(t, s, 10, 20)
	killed := copied(t, set)
	closeStore(t, s)
	for name, c := range map[string]struct {
		set  Settings
		from RestoreOptions
	}{
		"an older snapshot":        {set, RestoreOptions{Snapshot: first[0].path}},
		"the newest after a crash": {killed, RestoreOptions{}},
	} {
		for range 2 {
			done, err := Restore(c.set, c.from, discard())
			if !errors.Is(err, ErrHealthy) || !strings.Contains(err.Error(), "--force") || done.Aside != "" {
				t.Fatalf("%s: Restore() = %+v, %v", name, done, err)
			}
		}
		if names := topicNames(t, copied(t, c.set)); len(names) != 20 {
			t.Errorf("%s: %d topics afterwards", name, len(names))
		}
		c.from.Force = true
		if done, err := Restore(c.set, c.from, discard()); err != nil || done.Index != 11 || done.Aside == "" {
			t.Errorf("%s: Restore() by force = %+v, %v", name, done, err)
		}
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
	if done, err := Restore(set, RestoreOptions{}, discard()); err == nil || !errors.Is(err, metadata.ErrCorrupt) {
		t.Errorf("Restore() = %+v, %v", done, err)
	}
	missing := RestoreOptions{Snapshot: filepath.Join(set.Dir, "none")}
	if _, err := Restore(set, missing, discard()); !errors.Is(err, fs.ErrNotExist) {
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
	if _, err := Open(set, discard()); err == nil || errors.Is(err, ErrDamaged) ||
		!strings.Contains(err.Error(), "in use") {
		t.Errorf("second Open() = %v", err)
	}
	if _, err := Restore(set, RestoreOptions{}, discard()); err == nil || !strings.Contains(err.Error(), "in use") {
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

//go:build linux

package walstore

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/chronik-stream/chronik/core/domain/space"
)

// onDisk returns how many bytes of the disk each log of dir has.
func onDisk(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	has := make(map[string]int64)
	for _, suffix := range []string{"*.mem", "*.vlog"} {
		paths, err := filepath.Glob(filepath.Join(dir, suffix))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue // Badger has written its table meanwhile
			}
			if err != nil {
				t.Fatal(err)
			}
			has[path] = info.Sys().(*syscall.Stat_t).Blocks * 512
		}
	}
	return has
}

// watched is a database of which each write is checked for what it takes of the disk.
type watched struct {
	*database

	t *testing.T
}

func watch(t *testing.T, set Settings) watched {
	t.Helper()
	db, err := openDatabase(filepath.Join(set.Dir, databaseDir), set, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return watched{db, t}
}

// write makes changes of a size that a transaction takes. Badger must not take a block of the disk for them, but for
// one: the header of a new file of the value log, or the file system's own list of a file's blocks, for which it has a
// reserve.
func (w watched) write(changes []change) {
	w.t.Helper()
	s := sizesOf(changes)
	if err := w.blocks.makeRoom(space.Metadata, s); err != nil {
		w.t.Fatal(err)
	}
	w.takesNothing(func() error { return commitAtOnce(w.DB, changes) })
	w.blocks.wrote(s)
}

func (w watched) takesNothing(do func() error) {
	w.t.Helper()
	before := onDisk(w.t, w.blocks.dir)
	if err := do(); err != nil {
		w.t.Fatal(err)
	}
	const block = 4 << 10
	for path, has := range onDisk(w.t, w.blocks.dir) {
		if grown := has - before[path]; grown > block {
			w.t.Errorf("%s took %d bytes of the disk", filepath.Base(path), grown)
		}
	}
}

// TestACommitFindsTheBlocksOfWhatItWrites commits values of all sizes, in the table and in the value log, while tables
// in memory fill and begin.
func TestACommitFindsTheBlocksOfWhatItWrites(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	set.SegmentSize = 4 << 20 // so that files of the value log begin, too
	w := watch(t, set)
	random := rand.New(rand.NewPCG(1, 2))
	tables, values := w.blocks.table.number, w.blocks.values.number
	for n := range 3000 {
		var changes []change
		for v := range 1 + random.IntN(20) {
			value := make([]byte, random.IntN(valueThreshold))
			if random.IntN(20) == 0 {
				value = make([]byte, random.IntN(20*valueThreshold))
			}
			changes = append(changes, change{fmt.Appendf(nil, "%d/%d", n, v), value})
		}
		w.write(changes)
	}
	if got := w.blocks; got.table.number < tables+2 || got.values.number < values+1 {
		t.Errorf("tables %d to %d, value log %d to %d: too few for this test",
			tables, got.table.number, values, got.values.number)
	}
}

// TestALargeChangeLeavesTheBlocksKnown has a change begin several tables, of which the first are gone before the next
// change looks for them.
func TestALargeChangeLeavesTheBlocksKnown(t *testing.T) {
	w := watch(t, DefaultSettings(t.TempDir()))
	var changes []change
	for n := range 20_000 {
		changes = append(changes, change{fmt.Appendf(nil, "topic/%d", n), make([]byte, 600)})
	}
	if err := w.database.write(space.Metadata, changes, sizesOf(changes)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flatten(1); err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		w.write([]change{{fmt.Appendf(nil, "after/%d", n), make([]byte, 200<<10)}, {[]byte("small"), make([]byte, 600)}})
	}
}

// TestARedoAtTheStartIsCounted has a start carry out what a crash has left, which goes to the value log.
func TestARedoAtTheStartIsCounted(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	db, err := openDatabase(filepath.Join(set.Dir, databaseDir), set, discard())
	if err != nil {
		t.Fatal(err)
	}
	left := []change{{[]byte(noteKey), make([]byte, 3<<20)}}
	if err := errors.Join(db.writeRedo(space.Metadata, left), db.Close()); err != nil {
		t.Fatal(err)
	}
	w := watch(t, set)
	if err := w.replayRedo(); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		w.write([]change{{fmt.Appendf(nil, "after/%d", n), make([]byte, 200<<10)}})
	}
}

// TestGarbageCollectionFindsItsBlocks has half of a file of the value log be garbage.
func TestGarbageCollectionFindsItsBlocks(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	set.SegmentSize = 4 << 20
	w := watch(t, set)
	const value, values = 20 << 10, 210
	for n := range values { // fill a file
		w.write([]change{{fmt.Appendf(nil, "key/%d", n), make([]byte, value)}})
	}
	for n := 0; n < values; n += 2 { // every second value is garbage from now on
		w.write([]change{{fmt.Appendf(nil, "key/%d", n), make([]byte, value)}})
	}
	for n := range 400 { // fill tables: Badger learns of garbage when it compacts them
		var changes []change
		for v := range 100 {
			changes = append(changes, change{fmt.Appendf(nil, "small/%d/%d", n, v), make([]byte, 300)})
		}
		w.write(changes)
	}
	if err := w.Flatten(1); err != nil {
		t.Fatal(err)
	}
	const live = values * (value + entryOverhead)
	if err := w.blocks.makeRoom(space.Internal, sizes{table: live, values: live}); err != nil {
		t.Fatal(err)
	}
	w.takesNothing(func() error {
		err := w.collectGarbage(live)
		if errors.Is(err, badger.ErrNoRewrite) {
			t.Error("there was nothing to collect")
			return nil
		}
		return err
	})
	for n := range 30 {
		w.write([]change{{fmt.Appendf(nil, "after/%d", n), make([]byte, value)}})
	}
}

// TestWhatCannotBeAllocatedForAnotherReasonStopsNothing has the log of the next table not be made.
func TestWhatCannotBeAllocatedForAnotherReasonStopsNothing(t *testing.T) {
	w := watch(t, DefaultSettings(t.TempDir()))
	next := w.blocks.path(&w.blocks.table, w.blocks.table.number+1)
	if err := os.Symlink("/nonexistent/file", next); err != nil {
		t.Fatal(err)
	}
	w.blocks.table.written = memTableSize
	changes := []change{{[]byte("key"), []byte("value")}}
	if err := w.database.write(space.Metadata, changes, sizesOf(changes)); err != nil {
		t.Errorf("a commit: %v", err)
	}
	if err := os.Remove(next); err != nil {
		t.Fatal(err)
	}
}

func TestSmallCommitsTakeLittleOfTheDisk(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	s := open(t, set)
	defer closeStore(t, s)
	addTopics(t, s, 0, 100)
	total := int64(0)
	for _, has := range onDisk(t, filepath.Join(set.Dir, databaseDir)) {
		total += has
	}
	if most := int64(4 * window); total > most {
		t.Errorf("the logs take %d bytes of the disk, want %d at most", total, most)
	}
}

// TestAProcessIsKilledAfterItHasMadeAnEmptyFile leaves what a process leaves that is killed before Badger gives a file
// its size.
func TestAProcessIsKilledAfterItHasMadeAnEmptyFile(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	s := open(t, set)
	addTopics(t, s, 0, 3)
	closeStore(t, s)
	for _, name := range []string{"00009.mem", "000009.vlog"} {
		if err := os.WriteFile(filepath.Join(set.Dir, databaseDir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, set)
	defer closeStore(t, again)
	if got := again.Image().Index(); got != s.Image().Index() {
		t.Errorf("the store opens at index %d, want %d", got, s.Image().Index())
	}
}

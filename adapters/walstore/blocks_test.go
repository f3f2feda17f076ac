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

// TestACommitFindsTheBlocksOfWhatItWrites commits values of all sizes, in the table and in the value log, and large
// ones by redo, while tables in memory fill and begin.
func TestACommitFindsTheBlocksOfWhatItWrites(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	set.SegmentSize = 4 << 20 // so that files of the value log begin, too
	j, _, err := openJournal(set, discard())
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close(j.last.Load())
	random := rand.New(rand.NewPCG(1, 2))
	tables, values := j.blocks.table, j.blocks.values
	for n := range 1500 {
		var changes []change
		size := int64(0)
		for v := range 1 + random.IntN(20) {
			value := make([]byte, random.IntN(valueThreshold))
			if random.IntN(20) == 0 {
				value = make([]byte, random.IntN(20*valueThreshold))
			}
			changes = append(changes, change{fmt.Appendf(nil, "%d/%d", n, v), value})
			size += int64(len(value))
		}
		if n%500 == 499 {
			for v := range 5000 { // more than a transaction takes
				changes = append(changes, change{fmt.Appendf(nil, "%d/many/%d", n, v), make([]byte, 200)})
				size += 200
			}
		}
		values := valueBytes(changes)
		if err := j.makeRoom(space.Metadata, values); err != nil {
			t.Fatal(err)
		}
		before := onDisk(t, j.blocks.dir)
		if err := write(j.db, changes); err != nil {
			t.Fatal(err)
		}
		j.blocks.noteValues(values)
		j.noteTable(size, len(changes))
		for path, has := range onDisk(t, j.blocks.dir) {
			had, known := before[path]
			const header = 4 << 10 // of a new file of the value log
			if grown := has - had; known && grown > 0 || grown > header {
				t.Fatalf("commit %d of %d bytes took %d bytes of the disk for %s", n, size, grown, path)
			}
		}
	}
	if _, err := j.blocks.newTable(); err != nil || j.blocks.table < tables+2 || j.blocks.values < values+1 {
		t.Errorf("tables %d to %d, value log %d to %d, %v: too few for this test",
			tables, j.blocks.table, values, j.blocks.values, err)
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
	if most := int64(tableLogSize + 2*valuesAhead); total > most {
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

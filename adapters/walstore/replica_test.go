package walstore

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func openReplica(t *testing.T, dir string) *Replica {
	t.Helper()
	r, err := OpenReplica(DefaultSettings(dir), discard())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func closeReplica(t *testing.T, r *Replica) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

// commit commits n commands with a note.
func commit(t *testing.T, r *Replica, commands int, note string) {
	t.Helper()
	b := r.Begin()
	for range commands {
		if _, err := b.Apply(metadata.AllocateProducerIDs{Count: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Commit(b, []byte(note)); err != nil {
		t.Fatal(err)
	}
}

// shows is what a replica holds.
type shows struct {
	Index uint64
	Note  string
}

func holds(r *Replica) shows { return shows{r.Image().Index(), string(r.Note())} }

// imageOf returns an image made by n commands.
func imageOf(t *testing.T, commands int) *metadata.Image {
	t.Helper()
	img := new(metadata.Image)
	for range commands {
		next, _, err := metadata.Apply(img, metadata.AllocateProducerIDs{Count: 1})
		if err != nil {
			t.Fatal(err)
		}
		img = next
	}
	return img
}

func TestANoteIsStoredWithItsCommands(t *testing.T) {
	dir := t.TempDir()
	r := openReplica(t, dir)
	if r.Note() != nil {
		t.Errorf("note of a new store: %q", r.Note())
	}
	commit(t, r, 0, "none")
	closeReplica(t, r)
	r = openReplica(t, dir)
	if diff := cmp.Diff(shows{0, "none"}, holds(r)); diff != "" {
		t.Errorf("a note without commands (-want +got):\n%s", diff)
	}
	commit(t, r, 3, "three")
	commit(t, r, 2, "five")
	if err := r.Sync(); err != nil {
		t.Errorf("Sync() = %v", err)
	}
	closeReplica(t, r)
	r = openReplica(t, dir)
	defer closeReplica(t, r)
	if diff := cmp.Diff(shows{5, "five"}, holds(r)); diff != "" {
		t.Errorf("after reopening (-want +got):\n%s", diff)
	}
}

func TestAClustersMetadataIsRefusedByABrokerAlone(t *testing.T) {
	dir := t.TempDir()
	r := openReplica(t, dir)
	commit(t, r, 1, "note")
	closeReplica(t, r)
	if _, err := Open(DefaultSettings(dir), discard()); !errors.Is(err, ErrReplica) {
		t.Errorf("Open() = %v", err)
	}
	closeReplica(t, openReplica(t, dir))
}

func TestReplaceTakesThePlaceOfAllThereWas(t *testing.T) {
	dir := t.TempDir()
	r := openReplica(t, dir)
	commit(t, r, 3, "three")
	for range 2 {
		if err := r.Replace(imageOf(t, 9), []byte("nine")); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, r, 1, "ten")
	closeReplica(t, r)
	r = openReplica(t, dir)
	defer closeReplica(t, r)
	if diff := cmp.Diff(shows{10, "ten"}, holds(r)); diff != "" {
		t.Errorf("after reopening (-want +got):\n%s", diff)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, databaseDir+".*ing")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestACrashDuringReplaceLeavesTheOldOrTheNew makes the directories that a crash leaves after each step.
func TestACrashDuringReplaceLeavesTheOldOrTheNew(t *testing.T) {
	rename := func(from, to string) func(database string) error {
		return func(database string) error { return os.Rename(database+from, database+to) }
	}
	steps := []func(database string) error{
		func(database string) error {
			set := DefaultSettings(filepath.Dir(database))
			img := imageOf(t, 9)
			all, err := changesOf(img, slices.Collect(img.Entities()), []byte("nine"))
			return errors.Join(err, makeDatabase(database+incomingSuffix, set, all, discard()))
		},
		rename("", outgoingSuffix),
		rename(incomingSuffix, ""),
		func(database string) error { return os.RemoveAll(database + outgoingSuffix) },
	}
	for crashed := range len(steps) + 1 {
		dir := t.TempDir()
		r := openReplica(t, dir)
		commit(t, r, 3, "three")
		closeReplica(t, r)
		for _, step := range steps[:crashed] {
			if err := step(filepath.Join(dir, databaseDir)); err != nil {
				t.Fatal(err)
			}
		}
		want := shows{3, "three"}
		if crashed >= 3 {
			want = shows{9, "nine"}
		}
		for range 2 {
			r = openReplica(t, dir)
			if diff := cmp.Diff(want, holds(r)); diff != "" {
				t.Errorf("after %d steps (-want +got):\n%s", crashed, diff)
			}
			closeReplica(t, r)
		}
	}
}

package walstore

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// someSpace has room for what is not below a use.
type someSpace struct {
	from  atomic.Int32
	asked atomic.Int32 // how often, for commands
}

// Room implements Space.
func (s *someSpace) Room(use space.Use, _ int64) error {
	if use == space.Metadata {
		s.asked.Add(1)
	}
	if int32(use) < s.from.Load() {
		return errors.New("the disk is full")
	}
	return nil
}

const nothingAtAll = int32(space.Agreed) + 1

func TestCommandsAreRefusedWithoutSpaceAndTakenWithIt(t *testing.T) {
	disk, set := &someSpace{}, DefaultSettings(t.TempDir())
	set.Space = disk
	s := open(t, set)
	defer closeStore(t, s)
	addTopics(t, s, 0, 1)
	disk.from.Store(int32(space.Agreed))
	cmd := metadata.CreateTopic{Name: "refused", ID: testID(99), Partitions: 1, ReplicationFactor: 1}
	if _, err := s.Apply(t.Context(), cmd); !errors.Is(err, metalog.ErrNotTried) ||
		!strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("without space: %v", err)
	}
	disk.from.Store(0)
	if _, err := s.Apply(t.Context(), cmd); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

// TestRoomIsAskedForBeforeEachCommit has that room be the 2 MiB with which the reserve answers.
func TestRoomIsAskedForBeforeEachCommit(t *testing.T) {
	rule := space.NewRule(64<<20, 0)
	if held := rule.Release(space.Disk{Held: rule.Reserve}, 0); rule.Reserve-held != 2<<20 {
		t.Errorf("the reserve gives back %d bytes", rule.Reserve-held)
	}
	disk, set := &someSpace{}, DefaultSettings(t.TempDir())
	set.Space = disk
	s := open(t, set)
	defer closeStore(t, s)
	for n := range 3 {
		before := disk.asked.Load()
		addTopics(t, s, n, n+1)
		if disk.asked.Load() == before {
			t.Errorf("commit %d asks for no room", n)
		}
	}
}

func TestAReplicaAppliesWhatIsAgreedOnWhileItDecidesNothing(t *testing.T) {
	disk, set := &someSpace{}, DefaultSettings(t.TempDir())
	set.Space = disk
	j, _, err := openJournal(set, discard())
	if err != nil {
		t.Fatal(err)
	}
	r := replicaJournal{j}
	img, _, err := metadata.Apply(new(metadata.Image), metadata.RegisterBroker{ID: 1})
	if err != nil {
		t.Fatal(err)
	}
	disk.from.Store(int32(space.Agreed))
	if err := r.Ready(); err == nil {
		t.Error("it would decide")
	}
	if err := r.Commit(img, slices.Collect(img.Entities()), 1, nil); err != nil {
		t.Errorf("what is agreed on: %v", err)
	}
	if err := j.Close(img); err != nil {
		t.Error(err)
	}
}

func TestADatabaseThatCannotBeWrittenToIsLeftAsItIsAndNothingIsLost(t *testing.T) {
	for name, takeAway := range map[string]func(dir string, disk *someSpace) error{
		"a full disk": func(_ string, disk *someSpace) error {
			disk.from.Store(nothingAtAll)
			return nil
		},
		"a directory that is gone": func(dir string, _ *someSpace) error { return os.RemoveAll(dir) },
	} {
		disk, set := &someSpace{}, DefaultSettings(filepath.Join(t.TempDir(), "data"))
		set.Space = disk
		j, _, err := openJournal(set, discard())
		if err != nil {
			t.Fatal(err)
		}
		img, _, err := metadata.Apply(new(metadata.Image), metadata.RegisterBroker{ID: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Commit(img, slices.Collect(img.Entities()), 1); err != nil {
			t.Fatal(err)
		}
		copied := set
		copied.Dir, copied.Space = filepath.Join(t.TempDir(), "copy"), nil
		if err := os.CopyFS(copied.Dir, os.DirFS(set.Dir)); err != nil {
			t.Fatal(err)
		}
		if err := takeAway(set.Dir, disk); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(img); err == nil || !strings.Contains(err.Error(), "not closed") {
			t.Errorf("%s: Close() = %v", name, err)
		}
		s := open(t, copied) // as the next process finds it: this one still has the lock of the other
		if _, ok := s.Image().Broker(1); !ok {
			t.Errorf("%s: what was acknowledged is lost", name)
		}
		closeStore(t, s)
		if err := os.MkdirAll(filepath.Join(set.Dir, databaseDir), 0o755); err != nil { // for Badger's goroutines to end
			t.Fatal(err)
		}
		_ = j.db.Close()
	}
}

func TestTableBytesCountsTheTables(t *testing.T) {
	set := DefaultSettings(t.TempDir())
	if n, err := TableBytes(set.Dir); n != 0 || err != nil {
		t.Errorf("without a store: %d, %v", n, err)
	}
	s := open(t, set)
	addTopics(t, s, 0, 10)
	closeStore(t, s)
	if n, err := TableBytes(set.Dir); n == 0 || err != nil {
		t.Errorf("of a store that was closed: %d, %v", n, err)
	}
}

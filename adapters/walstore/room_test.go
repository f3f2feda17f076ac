package walstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
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

// ruled is the space of a disk with so many bytes left, by the rule of core/domain/space. It counts what is asked for.
type ruled struct {
	rule space.Rule
	left int64
	most int64
}

// Room implements Space.
func (r *ruled) Room(use space.Use, n int64) error {
	r.most = max(r.most, n)
	if r.left-n < r.rule.Floor(use) {
		return fmt.Errorf("%d bytes left, needed are %d", r.left, r.rule.Floor(use)+n)
	}
	return nil
}

// TestWhatMayBeProposedCanBeCommitted has nodes refuse commands before they lack the space for what is agreed on: a
// node that cannot commit that ends.
func TestWhatMayBeProposedCanBeCommitted(t *testing.T) {
	disk, set := &ruled{rule: space.NewRule(64<<20, 0), left: 1 << 40}, DefaultSettings(t.TempDir())
	set.Space = disk
	j, _, err := openJournal(set, discard())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		disk.left = 1 << 40
		if err := j.Close(j.last.Load()); err != nil {
			t.Error(err)
		}
	}()
	few := sizes{table: 4 << 10, values: 64 << 10}
	for _, filled := range []int64{0, memTableSize / 2} {
		proposed := 0
		for left := int64(8 << 20); left <= 40<<20; left += 1 << 20 {
			b := j.db.blocks
			b.table.written, b.table.end, b.table.next, b.values.end = filled, 0, 0, 0
			disk.left = left
			if (replicaJournal{j}).Ready() != nil {
				continue
			}
			proposed++
			if err := b.makeRoom(space.Agreed, few); err != nil {
				t.Errorf("with %d MiB left and %d bytes in the table: %v", left>>20, filled, err)
			}
		}
		if proposed == 0 || proposed == 33 {
			t.Errorf("%d of 33 times commands were proposed", proposed)
		}
	}
}

// TestAReplacementAsksForTheRoomThatItTakes has a node get all metadata by a snapshot.
func TestAReplacementAsksForTheRoomThatItTakes(t *testing.T) {
	disk, set := &ruled{rule: space.NewRule(64<<20, 0), left: 1 << 40}, DefaultSettings(t.TempDir())
	set.Space = disk
	r, err := OpenReplica(set, discard())
	if err != nil {
		t.Fatal(err)
	}
	defer closeReplica(t, r)
	cmds := []metadata.Command{
		metadata.InitCluster{ClusterID: "cluster", Features: metadata.NewestFeatures()},
		metadata.RegisterBroker{ID: 1, Incarnation: [16]byte{1}, Features: metadata.SupportedFeatures()},
	}
	for n := range 2000 {
		cmds = append(cmds, metadata.CreateTopic{
			Name: fmt.Sprint("topic-", n), ID: testID(n + 1000), Partitions: 300, ReplicationFactor: 1,
		})
	}
	img := imageOf(t, 1)
	for _, cmd := range cmds {
		if img, _, err = metadata.Apply(img, cmd); err != nil {
			t.Fatal(err)
		}
	}
	disk.most = 0
	if err := r.Replace(img, []byte("note")); err != nil {
		t.Fatal(err)
	}
	took := int64(0)
	err = filepath.WalkDir(filepath.Join(set.Dir, databaseDir), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			took += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if took > disk.most {
		t.Errorf("it has asked for %d bytes, and takes %d", disk.most, took)
	}
}

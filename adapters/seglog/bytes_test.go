package seglog

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// slowJournal is a disk on which a write to the journal takes as long as the test wants.
type slowJournal struct {
	*disktest.FS
	mu      sync.Mutex
	writing chan struct{} // receives when a write has come; nil: writes are not held up
	gate    chan struct{}
}

func (s *slowJournal) Open(path string, create bool) (disk.File, error) {
	f, err := s.FS.Open(path, create)
	if err == nil && strings.Contains(path, "/journal/") {
		f = slowWrites{f, s}
	}
	return f, err
}

// hold has the next write wait until let is called.
func (s *slowJournal) hold() (writing <-chan struct{}, let func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, gate := make(chan struct{}, 1), make(chan struct{})
	s.writing, s.gate = w, gate
	return w, func() { close(gate) }
}

type slowWrites struct {
	disk.File
	of *slowJournal
}

func (f slowWrites) WritevAt(bufs [][]byte, off int64) error {
	f.of.mu.Lock()
	writing, gate := f.of.writing, f.of.gate
	f.of.writing = nil
	f.of.mu.Unlock()
	if writing != nil {
		writing <- struct{}{}
		<-gate
	}
	return f.File.WritevAt(bufs, off)
}

// awaitReleased returns when the log needs no bytes any more.
func (f *witness) awaitReleased(t *testing.T) {
	t.Helper()
	for deadline := time.After(20 * time.Second); !f.isReleased(); {
		select {
		case <-f.changed:
		case <-deadline:
			t.Fatal("the bytes are not released")
		}
	}
}

func (f *witness) isReleased() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.released
}

// TestBytesAreReleasedWhenTheJournalIsDoneWithThem ends a log while its batch is on the way to the journal, gives the
// bytes to another log when they are released, and checks what others find in the journal after a loss of power.
func TestBytesAreReleasedWhenTheJournalIsDoneWithThem(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *Store, fs *disktest.FS, l *Log){
		"it is deleted": func(t *testing.T, s *Store, _ *disktest.FS, l *Log) {
			if err := s.Delete(t.Context(), l.id); err != nil {
				t.Error(err)
			}
		},
		"its sync fails, by another goroutine": func(t *testing.T, _ *Store, fs *disktest.FS, l *Log) {
			fs.Fail(func(op disktest.Op, path string) error {
				if op == disktest.OpSync && strings.HasPrefix(path, "/data/ended-0/") {
					return syscall.EIO
				}
				return nil
			})
			if err := l.Sync(); err == nil {
				t.Error("the sync has not failed")
			}
			fs.Fail(nil)
		},
		"it fails, and is deleted": func(t *testing.T, s *Store, _ *disktest.FS, l *Log) {
			l.fail(syscall.EIO)
			if err := s.Delete(t.Context(), l.id); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs := &slowJournal{FS: disktest.New()}
			opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 1 << 20, DirectBytes: -1}}
			cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
			s, logs, witnesses := openNamed(t, opt, cfg, []string{"ended", "other"})
			ended, other := logs[0], logs[1]
			for i, l := range logs { // something that is not synced in the segments
				appendBatch(t, l, 5)
				witnesses[i].await(t, 5)
			}
			writing, let := fs.hold()
			bytes, pending := batch(t, ended, 5, 1000), batch(t, ended, 5, 1000)
			if err := ended.Append([]record.Batch{bytes}, nil, time.Now()); err != nil {
				t.Fatal(err)
			}
			<-writing
			pending.SetBaseOffset(ended.EndOffset())
			if err := ended.Append([]record.Batch{pending}, nil, time.Now()); err != nil { // waits for the next group
				t.Fatal(err)
			}
			end(t, s, fs.FS, ended)
			if witnesses[0].isReleased() {
				t.Error("the bytes are released while they are being written")
			}
			let()
			witnesses[0].awaitReleased(t)
			clear(bytes)
			clear(pending)
			for range 3 {
				appendBatch(t, other, 5)
				witnesses[1].await(t, other.EndOffset())
			}
			opt.FS = fs.Crash(disktest.Unsynced, nil)
			_ = s.Close() // says what has failed
			_, again, _ := openNamed(t, opt, cfg, []string{"other"})
			wantOffsets(t, offsets(t, again[0], 4000), 0, 20)
		})
	}
}

// flipInJournal changes a byte of a batch in the journal.
func flipInJournal(t *testing.T, fs *disktest.FS, b record.Batch) {
	t.Helper()
	names, err := fs.ReadDir("/data/" + journalDir)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range names {
		edit(t, fs, "/data/"+journalDir+"/"+name, func(content []byte) {
			if at := bytes.Index(content, b); at >= 0 {
				content[at+len(b)-1] ^= 1
				found++
			}
		})
	}
	if found != 1 {
		t.Fatalf("the batch is in the journal %d times", found)
	}
}

// TestADamagedEntryOfTheJournalConcernsItsLogAlone damages the payload of an entry behind which others were
// acknowledged, and then of the newest one.
func TestADamagedEntryOfTheJournalConcernsItsLogAlone(t *testing.T) {
	for _, c := range []struct {
		name    string
		damaged int // which of the three batches of the log a
		loss    disktest.Loss
		ends    []int64 // of a and b; -1 for offline
	}{
		{"the segments were lost", 0, disktest.Unsynced, []int64{-1, 15}},
		{"the segments were lost, and nothing of its log follows", 2, disktest.Unsynced, []int64{-1, 15}},
		{"the segments have it", 0, disktest.Nothing, []int64{15, 15}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := disktest.New()
			opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 1 << 20, DirectBytes: -1}}
			cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
			s, logs, witnesses := openNamed(t, opt, cfg, []string{"a", "b"})
			var damaged record.Batch
			for n := range 3 {
				for i, l := range logs {
					b := batch(t, l, 5, 1000)
					if i == 0 && n == c.damaged {
						damaged = slices.Clone(b)
					}
					if err := l.Append([]record.Batch{b}, nil, time.Now()); err != nil {
						t.Fatal(err)
					}
					witnesses[i].await(t, l.EndOffset())
				}
			}
			left := fs.Crash(c.loss, nil)
			_ = s.Close()
			flipInJournal(t, left, damaged)
			opt.FS = left
			for range 2 { // what is set aside stays so
				s, err := Open(t.Context(), opt)
				if err != nil {
					t.Fatal(err)
				}
				for i, l := range logs {
					again, err := s.Open(t.Context(), l.id, &cfg, new(partition.State), newWitness())
					switch {
					case c.ends[i] < 0:
						if err == nil || !strings.Contains(err.Error(), unappliedFile) {
							t.Errorf("log %d, of which acknowledged records are lost, is opened: %v", i, err)
						}
					case err != nil:
						t.Errorf("log %d: %v", i, err)
					default:
						wantOffsets(t, offsets(t, again.(*Log), 4000), 0, c.ends[i])
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if c.ends[0] >= 0 {
				return
			}
			if err := left.Remove("/data/a-0/" + unappliedFile); err != nil {
				t.Fatal(err)
			}
			_, again, _ := openNamed(t, opt, cfg, []string{"a"})
			wantOffsets(t, offsets(t, again[0], 4000), 0, int64(5*c.damaged))
		})
	}
}

// TestATornEntryTakesNothingFromOthersInItsGroup tears an entry of the newest group: it was never acknowledged. What
// is whole behind it may have been.
func TestATornEntryTakesNothingFromOthersInItsGroup(t *testing.T) {
	fs := &slowJournal{FS: disktest.New()}
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 1 << 20, DirectBytes: -1}}
	cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
	s, logs, witnesses := openNamed(t, opt, cfg, []string{"first", "a", "b"})
	writing, let := fs.hold()
	appendBatch(t, logs[0], 5)
	<-writing
	torn := batch(t, logs[1], 5, 1000)
	want := slices.Clone(torn)
	if err := logs[1].Append([]record.Batch{torn}, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	appendBatch(t, logs[2], 5)
	let() // the two others are committed together, in this order
	for i := range logs {
		witnesses[i].await(t, 5)
	}
	left := fs.Crash(disktest.Unsynced, nil)
	_ = s.Close()
	flipInJournal(t, left, want)
	opt.FS = left
	_, again, _ := openNamed(t, opt, cfg, []string{"first", "a", "b"})
	for i, end := range []int64{5, 0, 5} {
		wantOffsets(t, offsets(t, again[i], 4000), 0, end)
	}
}

func TestTheStoreRemembersNothingOfDeletedLogs(t *testing.T) {
	s := openStore(t, t.TempDir())
	for n := range 20 {
		id := ports.LogID{Topic: "orders", TopicID: [16]byte{byte(n)}, Partition: int32(n)}
		if _, err := s.Open(t.Context(), id, &ports.LogConfig{}, new(partition.State), newWitness()); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.slots) > 0 {
		t.Errorf("%d places of logs are left", len(s.slots))
	}
}

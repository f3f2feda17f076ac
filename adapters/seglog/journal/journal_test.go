package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/core/domain/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCommittedEntriesAreReplayedAfterACrash(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, usual)
	a, b := newTestLog("a"), newTestLog("b")
	for range 10 {
		a.append(j, testBatch)
		wait(t, a)
		b.append(j, testBatch)
		wait(t, b)
	}
	j2, got := open(t, crashed(t, dir), usual)
	if len(got["a"]) != 10 || len(got["b"]) != 10 {
		t.Errorf("replayed %v", got)
	}
	for _, j := range []*Journal{j, j2} {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAClosedJournalReplaysNothing(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, usual)
	a := newTestLog("a")
	a.append(j, testBatch)
	wait(t, a)
	if err := errors.Join(j.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	if a.synced != 1 {
		t.Errorf("closing left the log's own files unsynced")
	}
	j, got := open(t, dir, usual)
	if len(got) != 0 {
		t.Errorf("replayed %v", got)
	}
	j.Close()
}

func TestFilesAreRecycledWhenTheirLogsHaveSynced(t *testing.T) {
	dir := t.TempDir()
	opt := Options{FileBytes: 64 << 10, MaxFiles: 3, DirectBytes: -1}
	j, _ := open(t, dir, opt)
	a := newTestLog("a")
	for range 1000 {
		a.append(j, testBatch)
		wait(t, a)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(files) > opt.MaxFiles {
		t.Errorf("%d files, allowed %d, %v", len(files), opt.MaxFiles, err)
	}
	j2, got := open(t, crashed(t, dir), opt)
	offsets := got["a"]
	if len(offsets) == 0 || offsets[len(offsets)-1] != 999 {
		t.Fatalf("replayed %v", offsets)
	}
	a.mu.Lock()
	synced := a.synced
	a.mu.Unlock()
	if offsets[0] > synced {
		t.Errorf("offsets %d to %d are neither in the log's files nor in the journal", synced, offsets[0])
	}
	j2.Close()
	j.Close()
}

func TestFullFilesAreFreedTogether(t *testing.T) {
	opt := Options{FileBytes: 64 << 10, MaxFiles: 8, DirectBytes: -1}
	j, _ := open(t, t.TempDir(), opt)
	a := newTestLog("a")
	synced := int64(0)
	for synced == 0 {
		a.append(j, testBatch)
		wait(t, a)
		a.mu.Lock()
		synced = a.synced
		if a.syncs == 0 && a.next > int64(opt.MaxFiles)*opt.FileBytes/testBatch {
			t.Fatal("all files are full, and the log has not synced")
		}
		a.mu.Unlock()
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if files := float64(synced*testBatch) / float64(opt.FileBytes); files < float64(opt.MaxFiles)/2 {
		t.Errorf("the log had to sync when %.1f of %d files were full", files, opt.MaxFiles)
	}
}

// TestDamage cuts and flips every part of a journal and sees that it is either the torn tail of
// the last group, or noticed.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, usual)
	a := newTestLog("a")
	for range 5 {
		a.append(j, testBatch)
		wait(t, a)
	}
	size := int64(headerSize)
	entry := int64(entryHeader + padded(1) + padded(testBatch))
	for _, c := range []struct {
		name    string
		at, n   int64
		replays int // entries, or -1 for ErrDamaged
		damaged int // entries that are replayed as such
	}{
		{"the last entry", size + 4*entry + 500, 1, 4, 0},
		{"the last entry's header", size + 4*entry + 20, 1, 4, 0},
		{"the last two entries", size + 3*entry + 100, 2 * entry, 3, 0},
		{"an entry in the middle", size + 2*entry + 100, 1, 4, 1},
		{"zeros in the middle", size + entry, entry, -1, 0},
		{"the first entry", size + 5, 1, -1, 0},
		{"one copy of the file's header", 8, 8, 5, 0},
		{"the other copy of the file's header", blockSize + 8, 8, 5, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := crashed(t, dir)
			path := filepath.Join(dir, "00000000"+suffix)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := c.at; i < min(c.at+c.n, int64(len(raw))); i++ {
				if c.n > 1 {
					raw[i] = 0
				} else {
					raw[i] ^= 1
				}
			}
			if err := os.WriteFile(path, raw, 0o644); err != nil {
				t.Fatal(err)
			}
			got := make(replayed)
			j, err := Open(disk.OS(), dir, usual, got.visit, allTaken)
			if c.replays < 0 {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("replayed %v, %v, want ErrDamaged", got, err)
				}
				return
			}
			if err != nil || len(got["a"]) != c.replays || len(got["a!"]) != c.damaged {
				t.Errorf("replayed %v, %v, want %d entries and %d that are damaged", got, err, c.replays, c.damaged)
			}
			if j != nil {
				j.Close()
			}
		})
	}
	j.Close()
}

func TestManyLogsShareSyncs(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, usual)
	const logs, each = 64, 20
	var all sync.WaitGroup
	for i := range logs {
		l := newTestLog(fmt.Sprint("log", i))
		all.Go(func() {
			for range each {
				l.append(j, testBatch)
				if err := <-l.done; err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := j.Syncs(); n > logs*each/4 {
		t.Errorf("%d syncs for %d commits of %d logs", n, logs*each, logs)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// heldLog holds the committer up in Write.
type heldLog struct {
	*testLog
	writing, release chan struct{}
}

func (l *heldLog) Write() error {
	close(l.writing)
	<-l.release
	return l.testLog.Write()
}

func TestManyLogsAreCommittedInGroupsThatFitIntoAFile(t *testing.T) {
	const logs = 200
	opt := Options{FileBytes: headerSize + 40*testBatch, MaxFiles: 2}
	j, _ := open(t, t.TempDir(), opt)
	held := &heldLog{newTestLog("held"), make(chan struct{}), make(chan struct{})}
	held.pending = []record.Batch{batchAt(0, testBatch)}
	j.Submit(held)
	<-held.writing
	crowd := make([]*testLog, logs)
	for i := range crowd {
		crowd[i] = newTestLog(fmt.Sprint("log", i))
		crowd[i].append(j, testBatch)
	}
	close(held.release)
	for _, l := range crowd {
		wait(t, l)
	}
	// A group is half a file: about 20 batches. Around the journal it would have been a sync for each log.
	if n := j.Syncs(); n > logs/10 {
		t.Errorf("%d syncs for %d logs that had waited together", n, logs)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestVolatileChunksDoNotWaitForTheSyncOfOthers(t *testing.T) {
	fs := disktest.New()
	j, err := Open(slowFS{fs, make(chan struct{})}, "/journal", usual, func(Entry) error { return nil }, allTaken)
	if err != nil {
		t.Fatal(err)
	}
	held := &heldLog{newTestLog("held"), make(chan struct{}), make(chan struct{})}
	held.pending = []record.Batch{batchAt(0, testBatch)}
	j.Submit(held)
	<-held.writing
	firm, loose := newTestLog("firm"), &volatileLog{newTestLog("loose")}
	firm.append(j, testBatch)
	loose.append(j, loose)
	close(held.release)
	gate := j.files.fs.(slowFS).gate
	gate <- struct{}{} // the sync of the group of the log that was held
	wait(t, held.testLog)
	wait(t, loose.testLog)
	select {
	case err := <-firm.done:
		t.Errorf("Done before the sync: %v", err)
	default:
	}
	close(gate)
	wait(t, firm)
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// slowFS has the syncs of files wait for the gate.
type slowFS struct {
	disk.FS
	gate chan struct{}
}

func (s slowFS) Open(path string, create bool) (disk.File, error) {
	f, err := s.FS.Open(path, create)
	return slowFile{f, s.gate}, err
}

type slowFile struct {
	disk.File
	gate chan struct{}
}

func (f slowFile) Sync() error {
	<-f.gate
	return f.File.Sync()
}

func TestVolatileChunksAreWrittenWithoutSync(t *testing.T) {
	j, _ := open(t, t.TempDir(), usual)
	l := &volatileLog{newTestLog("a")}
	l.append(j, l)
	wait(t, l.testLog)
	if j.Syncs() != 0 || l.written != 1 {
		t.Errorf("%d syncs, written to %d", j.Syncs(), l.written)
	}
	j.Close()
}

type volatileLog struct{ *testLog }

func (l *volatileLog) append(j *Journal, as Log) {
	l.pending = append(l.pending, batchAt(l.next, testBatch))
	l.next++
	j.Submit(as)
}

func (l *volatileLog) Take() Chunk {
	c := l.testLog.Take()
	c.Volatile = true
	return c
}

func TestAJournalForWhoseFilesThereIsNoSpaceGoesRoundInTwo(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(
		t, dir, Options{FileBytes: 64 << 10, MaxFiles: 8, DirectBytes: -1, Spare: func(int64) bool { return false }},
	)
	l := newTestLog("orders")
	for range 400 {
		l.append(j, testBatch)
		wait(t, l)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*"+suffix)); err != nil || len(files) != fewestFiles {
		t.Errorf("%d files, %v, want %d", len(files), err, fewestFiles)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// TestTheSizeOfAFileIsGiven: its default is a setting's, which stands in configs.
func TestTheSizeOfAFileIsGiven(t *testing.T) {
	for _, size := range []int64{0, -1} {
		_, err := Open(disk.OS(), t.TempDir(), Options{FileBytes: size}, func(Entry) error { return nil }, allTaken)
		if err == nil {
			t.Errorf("a journal with files of %d bytes", size)
		}
	}
}

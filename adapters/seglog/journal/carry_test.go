package journal

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/core/ports"
)

// failedLog cannot be synced.
type failedLog struct{ *testLog }

func (l failedLog) Sync() error { return syscall.EIO }

func (l failedLog) submit(j *Journal) {
	l.pending = append(l.pending, batchAt(l.next, testBatch))
	l.next++
	j.Submit(l)
}

// size returns the bytes that the journal takes, and the number of its files.
func size(t *testing.T, fs *disktest.FS) (bytes int64, files int) {
	t.Helper()
	names, err := fs.ReadDir("/journal")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := fs.Open("/journal/"+name, false)
		if err != nil {
			t.Fatal(err)
		}
		n, err := f.Size()
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		bytes += n
		files++
	}
	return bytes, files
}

// TestALogThatCannotBeSyncedKeepsNoMoreOfTheJournalThanItsEntries goes on with another log for many times the
// journal's size, over several starts.
func TestALogThatCannotBeSyncedKeepsNoMoreOfTheJournalThanItsEntries(t *testing.T) {
	opt := Options{FileBytes: 64 << 10, MaxFiles: 3, DirectBytes: -1}
	fs := disktest.New()
	needed := make(map[ports.LogID]error)
	broken, sound := failedLog{newTestLog("broken")}, newTestLog("sound")
	for start := range 4 {
		got := make(replayed)
		j, err := Open(fs, "/journal", opt, got.visit, func() (map[ports.LogID]error, error) { return needed, nil })
		if err != nil {
			t.Fatal(err)
		}
		if start == 0 {
			for range 7 {
				broken.submit(j)
				wait(t, broken.testLog)
			}
			needed[broken.id] = syscall.EIO
		} else if n := len(got["broken"]); n != 7 {
			t.Errorf("start %d: %d entries of the broken log are replayed, want 7", start, n)
		}
		for range 500 {
			sound.append(j, testBatch)
			wait(t, sound)
		}
		bytes, files := size(t, fs)
		if most := int64(opt.MaxFiles)*opt.FileBytes + 16<<10; bytes > most || files > opt.MaxFiles+1 {
			t.Errorf("start %d: the journal has %d files and %d bytes, allowed are %d", start, files, bytes, most)
		}
		if start%2 == 0 {
			fs = fs.Crash(disktest.Unsynced, nil)
		}
		if err := j.Close(); err != nil && start > 0 {
			t.Error(err)
		}
	}
	j, err := Open(fs, "/journal", opt, make(replayed).visit, func() (map[ports.LogID]error, error) { return needed, nil })
	if err != nil {
		t.Fatal(err)
	}
	got := make(replayed)
	if err := j.Carried(broken.id, got.visit); err != nil || len(got["broken"]) != 7 || !j.Carries(broken.id) {
		t.Errorf("carried are %v, %v", got, err)
	}
	if err := j.Taken(broken.id); err != nil {
		t.Error(err)
	}
	if _, files := size(t, fs); files > opt.MaxFiles || j.Carries(broken.id) {
		t.Errorf("%d files are left when nothing is carried any more", files)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// TestFilesThatCannotBeFreedAreTriedAgain fails what comes between the logs' syncs and the freeing, with an error that
// passes and with one that does not.
func TestFilesThatCannotBeFreedAreTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		passes bool
	}{"no space for a while": {syscall.ENOSPC, true}, "a broken disk": {syscall.EIO, false}} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			failing, failures := true, make(chan struct{}, 100)
			opt := Options{FileBytes: 64 << 10, MaxFiles: 2, DirectBytes: -1, Freeing: func() error {
				mu.Lock()
				defer mu.Unlock()
				if failing {
					failures <- struct{}{}
					return c.err
				}
				return nil
			}}
			fs := disktest.New()
			j, err := Open(fs, "/journal", opt, make(replayed).visit, allTaken)
			if err != nil {
				t.Fatal(err)
			}
			a := newTestLog("a")
			result := make(chan error)
			go func() { // more than all files hold
				for range 300 {
					a.append(j, testBatch)
					if err := <-a.done; err != nil {
						result <- err
						return
					}
				}
				result <- nil
			}()
			<-failures
			if _, files := size(t, fs); files > opt.MaxFiles {
				t.Errorf("there are %d files, allowed are %d", files, opt.MaxFiles)
			}
			if c.passes {
				mu.Lock()
				failing = false
				mu.Unlock()
			}
			select {
			case err := <-result:
				if c.passes && err != nil ||
					!c.passes && (!errors.Is(err, c.err) || !strings.Contains(err.Error(), "cannot be freed")) {
					t.Errorf("appends ended with %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("appends wait for ever")
			}
			if err := j.Close(); c.passes != (err == nil) {
				t.Errorf("closed with %v", err)
			}
		})
	}
}

// TestAJournalThatCannotBeFreedCloses has appends wait for a file that does not get free, as there is no space
// for what comes before that.
func TestAJournalThatCannotBeFreedCloses(t *testing.T) {
	opt := Options{FileBytes: 64 << 10, MaxFiles: 2, DirectBytes: -1, Freeing: func() error { return syscall.ENOSPC }}
	j, err := Open(disktest.New(), "/journal", opt, make(replayed).visit, allTaken)
	if err != nil {
		t.Fatal(err)
	}
	a := newTestLog("a")
	result := make(chan error)
	go func() {
		for {
			a.append(j, testBatch)
			if err := <-a.done; err != nil {
				result <- err
				return
			}
		}
	}()
	full := func() bool {
		j.files.mu.Lock()
		defer j.files.mu.Unlock()
		return len(j.files.full) == opt.MaxFiles // and the committer waits for another
	}
	for deadline := time.Now().Add(20 * time.Second); !full(); {
		if time.Now().After(deadline) {
			t.Fatal("the files do not get full")
		}
		time.Sleep(time.Millisecond) // polls a condition with a deadline
	}
	closed := make(chan error)
	go func() { closed <- j.Close() }()
	for range 2 {
		select {
		case err := <-result:
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("an append that waits gets %v", err)
			}
		case err := <-closed:
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("closed with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the journal does not close")
		}
	}
}

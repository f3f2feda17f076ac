package seglog

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestALogThatIsSetAsideKeepsItsRecordsAndFreesItsName: after a crash, what only the journal had is among its records,
// too.
func TestALogThatIsSetAsideKeepsItsRecordsAndFreesItsName(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	l, w := openLog(t, s, ports.LogConfig{})
	appendBatch(t, l, 5)
	w.await(t, 5)
	if _, err := s.SetAside(t.Context(), testID); err == nil {
		t.Error("a log that is open is set aside")
	}
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	segment := "00000000000000000000.log"
	if err := os.Truncate(filepath.Join(crashed, "orders-0", segment), 0); err != nil {
		t.Fatal(err)
	}

	s = openStore(t, crashed)
	other := testID
	other.TopicID[0]++
	if name, err := s.SetAside(t.Context(), other); name != "" || err != nil {
		t.Errorf("SetAside() of a log that does not exist = %q, %v", name, err)
	}
	name, err := s.SetAside(t.Context(), testID)
	if err != nil || !strings.HasPrefix(name, "orders-0.") || !strings.HasSuffix(name, "-stray") {
		t.Fatalf("SetAside() = %q, %v", name, err)
	}
	if ids, err := s.Stored(); err != nil || len(ids) != 0 {
		t.Errorf("stored %v, %v", ids, err)
	}
	l, _ = openLog(t, s, ports.LogConfig{})
	if l.StartOffset() != 0 || l.EndOffset() != 0 {
		t.Errorf("the next log of that name has offsets %d to %d", l.StartOffset(), l.EndOffset())
	}
	for range 2 { // starts leave it alone, too
		if content, err := os.ReadFile(filepath.Join(crashed, name, segment)); err != nil ||
			!strings.Contains(string(content), "value at 4") {
			t.Errorf("the records are gone: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, crashed)
	}
}

// TestALogThatIsSetAsideHasWhatTheJournalHasKeptForIt could not be recovered at the start: for want of descriptors, or
// because its segment is damaged, which must keep no broker from starting.
func TestALogThatIsSetAsideHasWhatTheJournalHasKeptForIt(t *testing.T) {
	for why, in := range map[syscall.Errno]string{syscall.EMFILE: "00000000000000000000.log", syscall.EIO: unappliedFile} {
		fs := disktest.New()
		opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
		s, l, f := openIn(t, opt, testID)
		appendBatch(t, l, 5)
		f.await(t, 5)
		left := fs.Crash(disktest.Unsynced, nil)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		opt.FS = left
		left.Fail(func(op disktest.Op, path string) error {
			if op == disktest.OpOpen && strings.HasSuffix(path, logSuffix) {
				return why
			}
			return nil
		})
		s, err := Open(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		if why == syscall.EMFILE {
			if name, err := s.SetAside(t.Context(), testID); err == nil {
				t.Errorf("the log is set aside as %s without its records", name)
			}
			left.Fail(nil)
		}
		name, err := s.SetAside(t.Context(), testID)
		if err != nil {
			t.Fatal(err)
		}
		content, err := readFile(left, filepath.Join("/data", name, in))
		if err != nil || !strings.Contains(string(content), "value at 4") {
			t.Errorf("the records are not in %s of %s: %d bytes, %v", in, name, len(content), err)
		}
		if s.journal.Carries(testID) {
			t.Error("the journal keeps them, too")
		}
	}
}

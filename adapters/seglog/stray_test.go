package seglog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/core/ports"
)

// TestALogThatIsSetAsideKeepsItsRecordsAndFreesItsName: after a crash, what only the journal had is among its records, too.
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
		if content, err := os.ReadFile(filepath.Join(crashed, name, segment)); err != nil || !strings.Contains(string(content), "value at 4") {
			t.Errorf("the records are gone: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, crashed)
	}
}

package filestore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(childEnv); ok {
		os.Exit(runChild(dir))
	}
	goleak.VerifyTestMain(m)
}

func openStore(tb testing.TB, dir string) *Store {
	tb.Helper()
	s, err := Open(dir, 1)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func closeStore(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Errorf("Close() = %v", err)
	}
}

func TestStore(t *testing.T) {
	porttest.MetadataStore(t, func(t *testing.T, dir string) ports.MetadataStore {
		t.Helper()
		return openStore(t, dir)
	})
}

// written returns the path of a store's file that holds one broker and one topic.
func written(t *testing.T, dir string) string {
	t.Helper()
	s := openStore(t, dir)
	defer closeStore(t, s)
	for _, cmd := range []metadata.Command{
		metadata.RegisterBroker{ID: 1, Incarnation: [16]byte{1}},
		metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{1}, Partitions: 2, ReplicationFactor: 1},
	} {
		if _, err := s.Apply(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, storeDir, storeFile)
}

func TestAFileThatCannotBeReadIsAnErrorAndStaysAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(string) string
		want   error
	}{
		"empty":    {func(string) string { return "" }, metadata.ErrCorrupt},
		"cut":      {func(s string) string { return s[:len(s)/2] }, metadata.ErrCorrupt},
		"not JSON": {func(s string) string { return "#" + s }, metadata.ErrCorrupt},
		"a newer version": {
			func(s string) string { return strings.Replace(s, `"version": 1`, `"version": 9`, 1) },
			fault.UnsupportedVersion,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := written(t, dir)
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bad := c.change(string(good))
			if err := os.WriteFile(path, []byte(bad), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, 1); !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open() = %v, want %v and the path", err, c.want)
			}
			if left, err := os.ReadFile(path); err != nil || string(left) != bad {
				t.Errorf("Open() has changed the file (%v)", err)
			}
		})
	}
}

func TestALeftoverTemporaryFileIsIgnored(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(written(t, dir)+".tmp", []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	defer closeStore(t, s)
	if _, ok := s.Image().Topic("orders"); !ok {
		t.Error("topic orders is missing")
	}
}

func TestASecondOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	defer closeStore(t, s)
	if _, err := Open(dir, 1); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second Open() = %v", err)
	}
}

func TestImportFillsAnEmptyStoreOnly(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	written(t, from)
	s := openStore(t, from)
	img := s.Image()
	closeStore(t, s)
	if err := Import(to, img); err != nil {
		t.Fatal(err)
	}
	if err := Import(to, img); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("Import() into a store = %v", err)
	}
	s = openStore(t, to)
	defer closeStore(t, s)
	if topic, ok := s.Image().Topic("orders"); !ok || len(topic.Partitions) != 2 || s.Image().Index() != img.Index() {
		t.Errorf("imported: %+v at index %d", topic, s.Image().Index())
	}
}

// TestAFullDiskRefusesCommandsAndTheyWorkAgainAfterwards blocks the temporary file, as a full disk would.
func TestAFullDiskRefusesCommandsAndTheyWorkAgainAfterwards(t *testing.T) {
	dir := t.TempDir()
	blocked := written(t, dir) + ".tmp"
	s := openStore(t, dir)
	defer closeStore(t, s)
	if err := os.Mkdir(blocked, 0o755); err != nil {
		t.Fatal(err)
	}
	before := s.Image()
	_, err := s.Apply(t.Context(), metadata.AllocateProducerIDs{Count: 1})
	if !errors.Is(err, fault.KafkaStorageError) || !errors.Is(err, metalog.ErrNotTried) || s.Image() != before {
		t.Errorf("Apply() = %v, image changed: %t", err, s.Image() != before)
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), metadata.AllocateProducerIDs{Count: 1}); err != nil {
		t.Errorf("Apply() afterwards = %v", err)
	}
}

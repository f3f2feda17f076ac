package walstore

import (
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(childEnv); ok {
		os.Exit(runChild(dir))
	}
	goleak.VerifyTestMain(m, // Badger leaves these behind when its Open fails
		goleak.IgnoreAnyFunction("github.com/dgraph-io/badger/v4.(*DB).monitorCache"),
		goleak.IgnoreAnyFunction("github.com/dgraph-io/badger/v4.(*DB).updateSize"),
		goleak.IgnoreAnyFunction("github.com/dgraph-io/badger/v4/y.(*WaterMark).process"),
		goleak.IgnoreAnyFunction("github.com/dgraph-io/ristretto/v2/z.(*AllocatorPool).freeupAllocators"))
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(tb testing.TB, set Settings) *Store {
	tb.Helper()
	s, err := Open(set, discard())
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
		return open(t, DefaultSettings(dir))
	})
}

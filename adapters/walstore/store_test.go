package walstore

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(tb testing.TB, set Settings) *Store {
	tb.Helper()
	s, err := Open(set, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	porttest.MetadataStore(t, func(t *testing.T, dir string) ports.MetadataStore {
		t.Helper()
		return open(t, DefaultSettings(dir))
	})
}

package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/test/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHealthReadinessAndMetrics(t *testing.T) {
	var ready atomic.Bool
	s := New(Settings{
		Listen:  "127.0.0.1:0",
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") }),
		Ready: func() error {
			if !ready.Load() {
				return errors.New("not yet")
			}
			return nil
		},
		Reading: func() error { return nil },
	})
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()

	get := func(method, path string, wantStatus int, wantBody string) {
		t.Helper()
		status, body := web.Ask(t, method, "http://"+s.Addr().String()+path)
		if status != wantStatus || wantBody != "" && body != wantBody {
			t.Errorf("%s %s: %d %q, want %d %q", method, path, status, body, wantStatus, wantBody)
		}
	}
	get(http.MethodGet, "/healthz", http.StatusOK, "ok\n")
	get(http.MethodGet, "/readyz", http.StatusServiceUnavailable, "not yet\n")
	get(http.MethodGet, "/readyz/reading", http.StatusOK, "ok\n")
	ready.Store(true)
	get(http.MethodGet, "/readyz", http.StatusOK, "ok\n")
	get(http.MethodGet, "/metrics", http.StatusOK, "metrics")
	get(http.MethodGet, "/", http.StatusNotFound, "")
	get(http.MethodPost, "/healthz", http.StatusMethodNotAllowed, "")

	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run() = %v", err)
	}
}

func TestAnAddressThatIsTakenIsNamed(t *testing.T) {
	first := New(Settings{Listen: "127.0.0.1:0", Metrics: http.NotFoundHandler()})
	if err := first.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second := New(Settings{Listen: first.Addr().String(), Metrics: http.NotFoundHandler()})
	if err := second.Listen(t.Context()); err == nil {
		t.Error("Listen() = nil")
	}
	if err := second.Close(); err != nil {
		t.Errorf("Close() of what never listened = %v", err)
	}
}

func TestADefaultAddressYieldsToAFreeOne(t *testing.T) {
	first := New(Settings{Listen: "127.0.0.1:0", Metrics: http.NotFoundHandler()})
	if err := first.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	taken := first.Addr().String()
	second := New(Settings{Listen: taken, Yields: true, Metrics: http.NotFoundHandler()})
	if err := second.Listen(t.Context()); err != nil || second.Addr().String() == taken {
		t.Fatalf("Listen() = %v at %v", err, second.Addr())
	}
	defer second.Close()
}

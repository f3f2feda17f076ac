package telemetry

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, s Settings) *Telemetry {
	t.Helper()
	tel, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

func scrape(t *testing.T, tel *Telemetry) string {
	t.Helper()
	answer := httptest.NewRecorder()
	tel.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	return answer.Body.String()
}

func TestRequestsAreCountedByAPI(t *testing.T) {
	tel := open(t, Settings{})
	defer tel.Close(context.Background())
	r, err := tel.Requests()
	if err != nil {
		t.Fatal(err)
	}
	r.ConnectionOpened("PLAINTEXT")
	r.ConnectionOpened("PLAINTEXT")
	r.ConnectionClosed("PLAINTEXT")
	r.ConnectionRefused("PLAINTEXT", "max.connections")
	r.Served("Produce", "PLAINTEXT", 3*time.Millisecond, 100, 10)
	r.Served("Produce", "PLAINTEXT", 3*time.Millisecond, 100, 10)
	r.ErrorAnswered("Produce", "PLAINTEXT", "KAFKA_STORAGE_ERROR")
	r.ErrorAnswered("Produce", "PLAINTEXT", "KAFKA_STORAGE_ERROR")
	synced, err := tel.Syncs()
	if err != nil {
		t.Fatal(err)
	}
	synced(2 * time.Millisecond)
	err = tel.Gauge("chronik.groups", "Groups.", "", "state",
		func(_ context.Context, report func(string, int64)) { report("Stable", 4) })
	if err != nil {
		t.Fatal(err)
	}
	got := scrape(t, tel)
	for _, want := range []string{
		`chronik_requests_total{api="Produce",listener="PLAINTEXT"} 2`,
		`chronik_request_errors_total{api="Produce",error="KAFKA_STORAGE_ERROR",listener="PLAINTEXT"} 2`,
		`chronik_request_received_bytes_total{api="Produce",listener="PLAINTEXT"} 200`,
		`chronik_request_sent_bytes_total{api="Produce",listener="PLAINTEXT"} 20`,
		`chronik_request_duration_seconds_bucket{api="Produce",listener="PLAINTEXT",le="0.0025"} 0`,
		`chronik_request_duration_seconds_bucket{api="Produce",listener="PLAINTEXT",le="0.005"} 2`,
		`chronik_connections{listener="PLAINTEXT"} 1`,
		`chronik_connections_refused_total{limit="max.connections",listener="PLAINTEXT"} 1`,
		`chronik_journal_sync_duration_seconds_count 1`,
		`chronik_groups{state="Stable"} 4`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in:\n%s", want, got)
		}
	}
}

func TestCountingARequestAllocatesNothing(t *testing.T) {
	tel := open(t, Settings{})
	defer tel.Close(context.Background())
	r, err := tel.Requests()
	if err != nil {
		t.Fatal(err)
	}
	served := func() {
		r.Served("Fetch", "PLAINTEXT", time.Millisecond, 100, 1000)
		r.ErrorAnswered("Fetch", "PLAINTEXT", "NOT_LEADER_OR_FOLLOWER")
	}
	served()
	if n := testing.AllocsPerRun(100, served); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTwoInstancesShareNothing(t *testing.T) {
	for range 2 {
		tel := open(t, Settings{})
		if _, err := tel.Requests(); err != nil {
			t.Fatal(err)
		}
		if tel.Tracer() != nil {
			t.Error("there is a tracer without a receiver")
		}
		if err := tel.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestMetricsAndTracesAreSentByOTLP(t *testing.T) {
	var mu sync.Mutex
	received := make(map[string]int) // bytes by path
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		received[r.URL.Path] += int(n)
	}))
	defer receiver.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()

	tel := open(t, Settings{Endpoint: receiver.URL + "/", Metrics: true, Traces: true, Interval: time.Hour, Ratio: 1})
	r, err := tel.Requests()
	if err != nil {
		t.Fatal(err)
	}
	r.Served("Fetch", "PLAINTEXT", time.Millisecond, 100, 1000)
	_, span := tel.Tracer().Start(t.Context(), "Fetch")
	span.End()
	if err := tel.Close(t.Context()); err != nil { // sends what is left
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, path := range []string{"/v1/metrics", "/v1/traces"} {
		if received[path] == 0 {
			t.Errorf("nothing came at %s: %v", path, received)
		}
	}
}

func TestTheLogIsTextOrJSONAndItsLevelChanges(t *testing.T) {
	for format, want := range map[string]string{
		"text": "level=INFO msg=started node_id=1",
		"json": `"level":"INFO","msg":"started","node_id":1}`,
	} {
		var out bytes.Buffer
		level := new(slog.LevelVar)
		log := NewLogger(&out, format, level)
		log.Debug("unseen")
		log.Info("started", "node_id", 1)
		level.Set(slog.LevelDebug)
		log.Debug("seen")
		if got := out.String(); !strings.Contains(got, want) || strings.Contains(got, "unseen") ||
			!strings.Contains(got, "seen") {
			t.Errorf("%s: %s", format, got)
		}
	}
}

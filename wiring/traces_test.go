package wiring

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestARequestBecomesASpan(t *testing.T) {
	var mu sync.Mutex
	var spans bytes.Buffer // as they came: the names in them can be read
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/v1/traces" {
			_, _ = io.Copy(&spans, r.Body)
		}
	}))
	defer receiver.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()

	s := start(t, config(t, t.TempDir(), "telemetry.otlp_endpoint="+receiver.URL,
		"telemetry.otlp_metrics=false"), io.Discard)
	c := client(t, s, kgo.AllowAutoTopicCreation(), kgo.ClientID("traced-client"))
	if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("one")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := s.Close(); err != nil { // sends what is left
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"Produce", "InitProducerID", "traced-client", "kafka.api.version"} {
		if !bytes.Contains(spans.Bytes(), []byte(want)) {
			t.Errorf("no span has %q, in %d bytes", want, spans.Len())
		}
	}
}

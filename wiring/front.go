package wiring

import (
	"context"
	"log/slog"
	"time"

	"github.com/chronik-stream/chronik/adapters/filestore"
	"github.com/chronik-stream/chronik/adapters/httpapi"
	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/adapters/telemetry"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/lifecycle"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/ports"
)

// lastSending is how long it may take to send the metrics and traces that are not sent yet, when the broker stops.
const lastSending = time.Second

// openTelemetry starts metrics and traces. The cleanup sends those that are not sent yet.
func openTelemetry(
	ctx context.Context, cfg *configs.Config, node nodeID, log *slog.Logger,
) (*telemetry.Telemetry, func(), error) {
	t, err := telemetry.Open(ctx, telemetry.Settings{
		Version: Version(), NodeID: int32(node),
		Endpoint: cfg.Telemetry.OTLPEndpoint, Metrics: cfg.Telemetry.OTLPMetrics, Traces: cfg.Telemetry.OTLPTraces,
		Interval: cfg.Telemetry.OTLPInterval, Ratio: cfg.Telemetry.SampleRatio,
	})
	if err != nil {
		return nil, nil, err
	}
	return t, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSending)
		defer cancel()
		if err := t.Close(last); err != nil {
			log.Warn("last metrics and traces were not sent", "err", err)
		}
	}, nil
}

func newSyncMetrics(t *telemetry.Telemetry) (func(time.Duration), error) { return t.Syncs() }

// requestMetrics passes the Kafka server's statistics on to telemetry.
type requestMetrics struct{ *telemetry.Requests }

func newRequestMetrics(t *telemetry.Telemetry) (kafkaproto.Metrics, error) {
	r, err := t.Requests()
	return requestMetrics{r}, err
}

// RequestServed implements kafkaproto.Metrics.
func (m requestMetrics) RequestServed(s kafkaproto.RequestStats) {
	m.Served(s.API, s.Listener, s.Duration, s.BytesIn, s.BytesOut)
}

// kafkaNeeds is what newKafkaServer needs.
type kafkaNeeds struct {
	Config      *configs.Config
	Node        nodeID
	Services    kafkaproto.Services
	Role        role
	Metrics     kafkaproto.Metrics
	Telemetry   *telemetry.Telemetry
	Interceptor kafkaproto.Interceptor
	Log         *slog.Logger
}

// newKafkaServer returns the server of the Kafka protocol.
func newKafkaServer(n kafkaNeeds) (*kafkaproto.Server, error) {
	cfg := n.Config
	listeners := make([]kafkaproto.Listener, len(cfg.Listen))
	for i, l := range cfg.Listen {
		listeners[i] = kafkaproto.Listener{Name: l.Name, Address: l.Address, Advertised: cfg.AdvertisedFor(l.Name)}
	}
	memory := sharesOf(cfg.Memory)
	return kafkaproto.New(kafkaproto.Settings{
		Listeners: listeners, NodeID: int32(n.Node), Services: n.Services, Nodes: n.Role.nodes,
		Logger: n.Log, Metrics: n.Metrics,
		Tracer: n.Telemetry.Tracer(), Interceptor: n.Interceptor,
		Limits: kafkaproto.Limits{
			ConnectionMemory: memory.connections, RequestMemory: memory.requests, ResponseMemory: memory.answers,
			Grace: cfg.Grace,
		},
	})
}

// The stores of a broker alone say when their disk has failed.
var (
	_ lifecycle.Failing = (*walstore.Store)(nil)
	_ lifecycle.Failing = (*filestore.Store)(nil)
)

func newReadiness(
	logs ports.LogStore, store ports.MetadataStore, space *replicas.Space, r role,
) *lifecycle.Readiness {
	return lifecycle.NewReadiness(lifecycle.Health{Space: space, Logs: logs, Metadata: store, Standing: r.standing})
}

// newHTTPServer returns the server of metrics and health, bound to its address, nil if there is none. If the default
// address is in use it takes a free port instead, so that a second broker can start on the machine.
func newHTTPServer(
	ctx context.Context, cfg *configs.Config, t *telemetry.Telemetry, ready *lifecycle.Readiness, log *slog.Logger,
) (*httpapi.Server, func(), error) {
	if cfg.HTTP.Listen == "" {
		return nil, func() {}, nil
	}
	byDefault := cfg.IsDefault("http.listen")
	server := httpapi.New(httpapi.Settings{
		Listen: cfg.HTTP.Listen, Yields: byDefault, Metrics: t.Handler(), Ready: ready.Ready, Reading: ready.Reading,
	})
	if err := server.Listen(ctx); err != nil {
		return nil, nil, err
	}
	if got := server.Addr().String(); byDefault && got != cfg.HTTP.Listen {
		log.Info("the default http.listen is taken, as by another broker on this machine: a free port is used",
			"default", cfg.HTTP.Listen, "address", got)
	}
	return server, func() { _ = server.Close() }, nil // closed already, unless the start failed
}

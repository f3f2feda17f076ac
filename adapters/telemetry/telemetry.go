// Package telemetry has the broker's metrics, traces and log. Metrics and traces use OpenTelemetry: metrics are served
// in Prometheus' format and sent by OTLP, traces are sent by OTLP.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name of the instrumentation scope.
const scope = "github.com/chronik-stream/chronik"

// maxSeries is how many series a metric may have: as many as the SDK allows by itself.
const maxSeries = 2000

// Settings say where metrics and traces go.
type Settings struct {
	Version  string        // of the broker
	NodeID   int32         // of the broker
	Endpoint string        // URL of an OTLP receiver over HTTP; "" sends nothing
	Metrics  bool          // send metrics to Endpoint
	Traces   bool          // send traces to Endpoint
	Interval time.Duration // between two exports of metrics
	Ratio    float64       // the share of traces that is sampled, of those that begin here
}

// Telemetry holds the providers of metrics and traces. Nothing about it is global.
type Telemetry struct {
	meter    metric.Meter
	registry *prometheus.Registry
	metrics  *sdkmetric.MeterProvider
	traces   *sdktrace.TracerProvider // nil when traces are off
}

// Open starts the providers. It connects to nothing before there is something to send.
func Open(ctx context.Context, s Settings) (*Telemetry, error) {
	t := &Telemetry{registry: prometheus.NewRegistry()}
	t.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	about := resource.NewSchemaless(
		attribute.String("service.name", "chronik"), attribute.String("service.version", s.Version),
		attribute.Int("service.instance.id", int(s.NodeID)),
	)
	scraped, err := otelprometheus.New(otelprometheus.WithRegisterer(t.registry), otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("metrics for prometheus: %w", err)
	}
	options := []sdkmetric.Option{
		sdkmetric.WithResource(about), sdkmetric.WithReader(scraped),
		// Unless they are given, the SDK takes these from the environment, which is not this broker's alone.
		sdkmetric.WithExemplarFilter(exemplar.TraceBasedFilter), sdkmetric.WithCardinalityLimit(maxSeries),
	}
	endpoint := strings.TrimSuffix(s.Endpoint, "/")
	if endpoint != "" && s.Metrics {
		sent, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(endpoint+"/v1/metrics"))
		if err != nil {
			return nil, fmt.Errorf("metrics to %s: %w", endpoint, err)
		}
		reader := sdkmetric.NewPeriodicReader(sent, sdkmetric.WithInterval(s.Interval))
		options = append(options, sdkmetric.WithReader(reader))
	}
	t.metrics = sdkmetric.NewMeterProvider(options...)
	t.meter = t.metrics.Meter(scope)
	if endpoint != "" && s.Traces {
		sent, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("traces to %s: %w", endpoint, err), t.Close(ctx))
		}
		t.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(sent),
			sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(s.Ratio))))
	}
	return t, nil
}

// Handler serves the metrics in Prometheus' format.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{Registry: t.registry, MaxRequestsInFlight: 4})
}

// Tracer returns the tracer, nil when traces are off.
func (t *Telemetry) Tracer() trace.Tracer {
	if t.traces == nil {
		return nil
	}
	return t.traces.Tracer(scope)
}

// Gauge registers read to be called at each collection of metrics. It reports a number for each value of label, "" when
// there is only one.
func (t *Telemetry) Gauge(
	name, description, unit, label string,
	read func(ctx context.Context, report func(value string, n int64)),
) error {
	_, err := t.meter.Int64ObservableGauge(name, metric.WithDescription(description), metric.WithUnit(unit),
		metric.WithInt64Callback(func(ctx context.Context, o metric.Int64Observer) error {
			read(ctx, func(value string, n int64) {
				if value == "" {
					o.Observe(n)
				} else {
					o.Observe(n, metric.WithAttributes(attribute.String(label, value)))
				}
			})
			return nil
		}))
	if err != nil {
		return fmt.Errorf("metric %s: %w", name, err)
	}
	return nil
}

// Close sends what has not been sent yet and stops the providers.
func (t *Telemetry) Close(ctx context.Context) error {
	err := t.metrics.Shutdown(ctx)
	if t.traces != nil {
		err = errors.Join(err, t.traces.Shutdown(ctx))
	}
	return err
}

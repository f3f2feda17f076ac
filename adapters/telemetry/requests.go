package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Requests measures the requests of clients and their connections. Its methods are safe for concurrent use.
type Requests struct {
	served      metric.Int64Counter
	failed      metric.Int64Counter
	duration    metric.Float64Histogram
	received    metric.Int64Counter
	sent        metric.Int64Counter
	connections metric.Int64UpDownCounter
	refused     metric.Int64Counter

	// Kept, because making them allocates.
	labels      sync.Map // requestKey → *requestLabels
	errorLabels sync.Map // errorKey → []metric.AddOption
}

type (
	requestKey struct{ api, listener string }
	errorKey   struct{ api, listener, code string }
)

// buckets of times to serve: from that of a page cache to that of a busy disk. Long polls are in the last.
var buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Requests returns the instruments for requests. It is called once.
func (t *Telemetry) Requests() (*Requests, error) {
	r := &Requests{}
	var errs [7]error
	r.served, errs[0] = t.meter.Int64Counter("chronik.requests",
		metric.WithDescription("Requests answered, by API."))
	r.failed, errs[1] = t.meter.Int64Counter("chronik.request.errors",
		metric.WithDescription("Error codes in answers, by API and Kafka's name of the error."))
	r.duration, errs[2] = t.meter.Float64Histogram("chronik.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from a request's last byte to its answer's, by API."),
		metric.WithExplicitBucketBoundaries(buckets...))
	r.received, errs[3] = t.meter.Int64Counter("chronik.request.received", metric.WithUnit("By"),
		metric.WithDescription("Bytes of requests, by API."))
	r.sent, errs[4] = t.meter.Int64Counter("chronik.request.sent", metric.WithUnit("By"),
		metric.WithDescription("Bytes of answers, by API."))
	r.connections, errs[5] = t.meter.Int64UpDownCounter("chronik.connections",
		metric.WithDescription("Open connections, by listener."))
	r.refused, errs[6] = t.meter.Int64Counter("chronik.connections.refused",
		metric.WithDescription("Connections refused, by listener and limit."))
	return r, errors.Join(errs[:]...)
}

// Served counts a request that was answered.
func (r *Requests) Served(api, listener string, took time.Duration, received, sent int) {
	ctx, labels := context.Background(), r.labelsOf(requestKey{api, listener})
	r.served.Add(ctx, 1, labels.add...)
	r.duration.Record(ctx, took.Seconds(), labels.record...)
	r.received.Add(ctx, int64(received), labels.add...)
	r.sent.Add(ctx, int64(sent), labels.add...)
}

// ErrorAnswered counts an error code in an answer, by Kafka's name of it.
func (r *Requests) ErrorAnswered(api, listener, code string) {
	key := errorKey{api, listener, code}
	labels, known := r.errorLabels.Load(key)
	if !known {
		labels, _ = r.errorLabels.LoadOrStore(key, []metric.AddOption{metric.WithAttributes(
			attribute.String("api", api), attribute.String("listener", listener), attribute.String("error", code))})
	}
	r.failed.Add(context.Background(), 1, labels.([]metric.AddOption)...)
}

// requestLabels are the labels of one kind of request, in the form that the instruments take.
type requestLabels struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

func (r *Requests) labelsOf(key requestKey) *requestLabels {
	if known, ok := r.labels.Load(key); ok {
		return known.(*requestLabels)
	}
	set := metric.WithAttributeSet(attribute.NewSet(
		attribute.String("api", key.api), attribute.String("listener", key.listener)))
	made, _ := r.labels.LoadOrStore(key,
		&requestLabels{add: []metric.AddOption{set}, record: []metric.RecordOption{set}})
	return made.(*requestLabels)
}

// ConnectionOpened counts a connection of a listener.
func (r *Requests) ConnectionOpened(listener string) { r.connection(listener, 1) }

// ConnectionClosed counts a connection of a listener as closed.
func (r *Requests) ConnectionClosed(listener string) { r.connection(listener, -1) }

func (r *Requests) connection(listener string, change int64) {
	r.connections.Add(context.Background(), change, metric.WithAttributes(attribute.String("listener", listener)))
}

// ConnectionRefused counts a connection that a limit has refused.
func (r *Requests) ConnectionRefused(listener, limit string) {
	r.refused.Add(context.Background(), 1,
		metric.WithAttributes(attribute.String("listener", listener), attribute.String("limit", limit)))
}

// Syncs returns a function that records the time that a sync of the journal took.
func (t *Telemetry) Syncs() (func(time.Duration), error) {
	h, err := t.meter.Float64Histogram("chronik.journal.sync.duration", metric.WithUnit("s"),
		metric.WithDescription("Time that a sync of the journal takes."), metric.WithExplicitBucketBoundaries(buckets...))
	return func(took time.Duration) { h.Record(context.Background(), took.Seconds()) }, err
}

package kafkaproto

import (
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Metrics receives the server's measurements. Its methods are called by many goroutines and must return at once.
type Metrics interface {
	RequestServed(RequestStats)
	// ErrorAnswered is called for each error code in an answer, before RequestServed; code is Kafka's name of it, such as
	// "NOT_LEADER_OR_FOLLOWER".
	ErrorAnswered(api, listener, code string)
	ConnectionOpened(listener string)
	ConnectionClosed(listener string)
	// ConnectionRefused is called instead of ConnectionOpened. limit is the config that caused it, "memory" for the share
	// of it that connections may take, or "broker is stopping".
	ConnectionRefused(listener, limit string)
}

// RequestStats describes a request that was answered.
type RequestStats struct {
	API      string // Kafka's name, such as "Produce"
	Key      int16
	Version  int16
	Listener string
	Duration time.Duration // from the request's last byte to its answer's
	BytesIn  int           // without the size in front
	BytesOut int           // with the size in front
}

// observe reports x, whose answer of sent bytes was sent.
func (s *Server) observe(x *exchange, sent int) {
	if s.metrics != nil {
		s.metrics.RequestServed(RequestStats{
			API: x.api.name, Key: x.api.key, Version: x.version, Listener: x.conn.listener.name,
			Duration: time.Since(x.began), BytesIn: x.size, BytesOut: sent,
		})
	}
	if x.span != nil {
		x.span.SetAttributes(attribute.Int("chronik.response_bytes", sent), attribute.Int("chronik.errors", x.errors))
		x.span.End()
	}
}

// trace begins a span for x when requests are traced.
func (s *Server) trace(x *exchange) {
	if s.tracer == nil {
		return
	}
	ctx, span := s.tracer.Start(x.ctx, x.api.name, trace.WithSpanKind(trace.SpanKindServer))
	if !span.IsRecording() {
		return
	}
	x.ctx, x.span = ctx, span
	span.SetAttributes(
		attribute.String("rpc.system", "kafka"), attribute.String("rpc.method", x.api.name),
		attribute.String("messaging.client.id", x.clientID),
		attribute.String("kafka.api.version", strconv.Itoa(int(x.version))),
		attribute.Int("chronik.request_bytes", x.size),
	)
}

package wiring

import (
	"context"

	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/adapters/telemetry"
	"github.com/chronik-stream/chronik/core/domain/broker"
)

// gauges says that the broker's state is measured.
type gauges struct{}

// addGauges has the broker's state read whenever metrics are collected.
func addGauges(t *telemetry.Telemetry, store registered, p *broker.Partitions, g *broker.Groups, f *broker.Fetch, s *kafkaproto.Server) (gauges, error) {
	type gauge struct {
		name, description, unit string
		read                    func(ctx context.Context, report func(kind string, value int64))
	}
	for _, g := range []gauge{
		{"chronik.topics", "Topics in the metadata.", "", func(_ context.Context, report func(string, int64)) {
			topics, _ := store.Image().Counts()
			report("", int64(topics))
		}},
		{"chronik.partitions", "Partitions: all in the metadata, and those whose logs are open here.", "", func(_ context.Context, report func(string, int64)) {
			_, partitions := store.Image().Counts()
			report("all", int64(partitions))
			open := int64(0)
			for range p.Open() {
				open++
			}
			report("open", open)
		}},
		{"chronik.groups", "Consumer groups that this broker coordinates, by state.", "", func(ctx context.Context, report func(string, int64)) {
			listed, err := g.List(ctx, nil, nil)
			if err != nil {
				return // its partition is being loaded: there is nothing to say yet
			}
			states := make(map[string]int64)
			for _, one := range listed {
				states[one.State]++
			}
			for state, n := range states {
				report(state, n)
			}
		}},
		{"chronik.fetch.sessions", "Incremental fetch sessions.", "", func(_ context.Context, report func(string, int64)) {
			report("", int64(f.Sessions()))
		}},
		{"chronik.memory.used", "Bytes that requests and large answers take.", "By", func(_ context.Context, report func(string, int64)) {
			requests, answers := s.MemoryUsed()
			report("requests", requests)
			report("answers", answers)
		}},
	} {
		if err := t.Gauge(g.name, g.description, g.unit, g.read); err != nil {
			return gauges{}, err
		}
	}
	return gauges{}, nil
}

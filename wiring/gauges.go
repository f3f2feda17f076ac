package wiring

import (
	"context"
	"slices"
)

// gauge is a number that is read whenever metrics are collected.
type gauge struct {
	name, description, unit, label string
	read                           func(ctx context.Context, report func(value string, n int64))
}

// measure registers the gauges that read the broker's state.
func (p *parts) measure() error {
	for _, g := range slices.Concat(measureSpace(p.Space), p.measureStanding(), p.gauges()) {
		if err := p.Telemetry.Gauge(g.name, g.description, g.unit, g.label, g.read); err != nil {
			return err
		}
	}
	return nil
}

// gauges returns the gauges of the broker's services.
func (p *parts) gauges() []gauge {
	return []gauge{
		{
			"chronik.topics",
			"Topics in the metadata.",
			"",
			"",
			func(_ context.Context, report func(string, int64)) {
				topics, _ := p.Store.Image().Counts()
				report("", int64(topics))
			},
		},
		{
			"chronik.partitions",
			"Partitions: all in the metadata, of these the ones without leader and those whose ISR lacks a replica; " +
				"those whose logs are open here, or offline here after an error of the disk; and those that this broker leads " +
				"with fewer replicas in sync than min.insync.replicas.",
			"",
			"scope",
			func(_ context.Context, report func(string, int64)) {
				img := p.Store.Image()
				_, partitions := img.Counts()
				report("all", int64(partitions))
				withoutLeader, underReplicated := img.InNeed()
				report("without_leader", int64(withoutLeader))
				report("under_replicated", int64(underReplicated))
				open := int64(0)
				for range p.Partitions.Open() {
					open++
				}
				report("open", open)
				offline, underMinISR := p.Partitions.InNeed()
				report("offline", int64(offline))
				report("under_min_isr", int64(underMinISR))
			},
		},
		{
			"chronik.groups",
			"Consumer groups that this broker coordinates, by state.",
			"",
			"state",
			func(ctx context.Context, report func(string, int64)) {
				listed, err := p.Groups.List(ctx, nil, nil)
				if err != nil {
					return // a partition is being loaded: there is no value yet
				}
				states := make(map[string]int64)
				for _, one := range listed {
					states[one.State]++
				}
				for state, n := range states {
					report(state, n)
				}
			},
		},
		{
			"chronik.fetch.sessions",
			"Incremental fetch sessions.",
			"",
			"",
			func(_ context.Context, report func(string, int64)) {
				report("", int64(p.Fetch.Sessions()))
			},
		},
		{
			"chronik.memory.used",
			"Bytes that requests and large answers take.",
			"By",
			"holder",
			func(_ context.Context, report func(string, int64)) {
				requests, answers := p.Kafka.MemoryUsed()
				report("requests", requests)
				report("answers", answers)
			},
		},
		{
			"chronik.replication.throttled",
			"Bytes per second of throttled replicas: sent as their leader, and fetched as a follower.",
			"By/s",
			"role",
			func(_ context.Context, report func(string, int64)) {
				report("leader", p.Fetch.ThrottledRate())
				if p.Role.throttled != nil {
					report("follower", p.Role.throttled())
				}
			},
		},
	}
}

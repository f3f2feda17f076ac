package wiring

import (
	"context"
)

// measureStanding returns the gauges of this broker's standing in its cluster. They show an outage in which the counts
// of partitions do not change any more, because the metadata cannot be changed.
func (p *parts) measureStanding() []gauge {
	return []gauge{
		flag(
			"chronik.ready",
			"1 while /readyz is true.",
			func() bool { return p.Ready.Ready() == nil },
		),
		flag(
			"chronik.session",
			"1 while this broker's heartbeats are answered by the leader of the metadata.",
			p.Role.standing.InSession,
		),
		flag(
			"chronik.metadata.leader",
			"1 while this node leads the metadata.",
			func() bool { return p.Store.Leadership().Local },
		),
		{
			"chronik.brokers",
			"Registered brokers by state, as far as this broker knows.",
			"",
			"state",
			func(_ context.Context, report func(string, int64)) {
				states := map[string]int64{"fenced": 0, "unfenced": 0}
				for b := range p.Store.Image().Brokers() {
					if b.Fenced {
						states["fenced"]++
					} else {
						states["unfenced"]++
					}
				}
				for state, n := range states {
					report(state, n)
				}
			},
		},
	}
}

// flag returns a gauge that is 1 while something is true, and 0 otherwise.
func flag(name, description string, read func() bool) gauge {
	return gauge{name, description, "", "", func(_ context.Context, report func(string, int64)) {
		n := int64(0)
		if read() {
			n = 1
		}
		report("", n)
	}}
}

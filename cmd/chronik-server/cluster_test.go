package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/chronik-stream/chronik/wiring"
)

// transfers records what it is asked for.
type transfers struct{ asked string }

func (t *transfers) DrainLeadership(_ context.Context, node int32) (*wiring.LeadersChanged, error) {
	t.asked = fmt.Sprintf("off node %d", node)
	return nil, nil
}

func (t *transfers) TransferLeadership(_ context.Context, node int32) (*wiring.LeadersChanged, error) {
	t.asked = fmt.Sprintf("to node %d", node)
	return nil, nil
}

func TestLeadershipsAreTransferredAsTheFlagSays(t *testing.T) {
	for _, c := range []struct{ flag, want string }{
		{"--from=0", "off node 0"},
		{"--from=2", "off node 2"},
		{"--to=0", "to node 0"},
		{"--to=2", "to node 2"},
	} {
		var line cli
		parser, err := kong.New(&line)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse([]string{"cluster", "transfer-leadership", c.flag}); err != nil {
			t.Fatal(err)
		}
		var got transfers
		if _, err := line.Cluster.TransferLeadership.transfer(t.Context(), &got); err != nil || got.asked != c.want {
			t.Errorf("%s transfers leaderships %s, want %s: %v", c.flag, got.asked, c.want, err)
		}
	}
}

//go:build raft

package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestFailOverIsQuick kills a partition's leader again and again, and measures how long it takes until the next record is acknowledged.
// The client asks who leads as often as it has to; franz-go by itself asks every five seconds, so that it would measure itself.
func TestFailOverIsQuick(t *testing.T) {
	skipInShortMode(t)
	c := startNodes(t, 3, nil)
	c.create(t, "watched", 1)
	cl := c.client(t, kgo.DefaultProduceTopic("watched"), kgo.ProducerLinger(0),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }), kgo.RequestRetries(1<<30),
		kgo.MetadataMinAge(50*time.Millisecond))
	produce := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := cl.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var took []time.Duration
	for range 20 {
		produce()
		n := c.leader(t, "watched", 0)
		led := n == c.controller(t)
		began := time.Now()
		n.crash()
		produce()
		took = append(took, time.Since(began))
		t.Logf("node %d killed, which led the metadata: %t; the next record was acknowledged after %v", n.id, led, took[len(took)-1].Round(time.Millisecond))
		n.launch(t)
		c.awaitAll(t)
		c.awaitInSync(t, "watched")
	}
	slices.Sort(took)
	median, worst := took[len(took)/2], took[len(took)-1]
	t.Logf("fail-over: median %v, worst %v", median.Round(time.Millisecond), worst.Round(time.Millisecond))
	if worst > 10*time.Second {
		t.Errorf("the worst fail-over took %v", worst)
	}
}

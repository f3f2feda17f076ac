package history

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
)

// Check stops the programs, reads everything, and compares it with what they have reported.
func (v *Verifiable) Check(t *testing.T, c *harness.Cluster) {
	t.Helper()
	for _, p := range v.producers {
		p.stop(t)
	}
	stored := v.read(t, c)
	harness.Within(t, time.Minute, "the group has read everything", func() bool { return v.Seen() >= len(stored) })
	for _, p := range v.members {
		p.stop(t)
	}
	if !maps.Equal(v.shown, stored) {
		t.Errorf("%d records are stored, the group was shown %d, or others", len(stored), len(v.shown))
	}
	places := make(map[string]Position)
	for at, value := range stored {
		places[value] = at
	}
	for value, at := range v.acked {
		place, kept := places[value]
		if known := at.Offset >= 0; !kept || place.Partition != at.Partition || known && place != at {
			t.Errorf("record %s was acknowledged at %v, where %q is", value, at, stored[at])
		}
	}
	offsets, err := kadm.NewClient(c.Client(t)).FetchOffsets(t.Context(), verifiableGroup)
	if err != nil {
		t.Fatal(err)
	}
	for p, committed := range v.committed {
		if o, _ := offsets.Lookup(verifiableTopic, p); o.At < committed {
			t.Errorf("partition %d: the group's offset is %d, and was %d", p, o.At, committed)
		}
	}
	t.Logf("acknowledged by client: %v, of %d records", v.count, len(stored))
}

// read returns the stored records by position. It checks that each is there once, and that those of a producer are in
// order.
func (v *Verifiable) read(t *testing.T, c *harness.Cluster) map[Position]string {
	t.Helper()
	cl := c.Client(t, kgo.ConsumeTopics(verifiableTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), verifiableTopic)
	if err != nil {
		t.Fatal(err)
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stored, seen := make(map[Position]string), make(map[string][]Position)
	type stream struct {
		partition int32
		client    string
	}
	last := make(map[stream]int)
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d records are unread: %v", left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			at, value := Position{r.Partition, r.Offset}, string(r.Value)
			stored[at] = value
			if seen[value] = append(seen[value], at); len(seen[value]) > 1 {
				t.Errorf("record %s is at %v, there by producer %d in epoch %d", value, seen[value], r.ProducerID, r.ProducerEpoch)
			}
			client, number, _ := strings.Cut(value, ".")
			n, err := strconv.Atoi(number)
			if before, ok := last[stream{r.Partition, client}]; err != nil || ok && n <= before {
				t.Errorf("record %s came after %d in partition %d: %v", value, before, r.Partition, err)
			}
			last[stream{r.Partition, client}] = n
		})
	}
	if clients := slices.Collect(maps.Keys(v.count)); len(clients) != len(v.producers) {
		t.Errorf("records of %v", clients)
	}
	return stored
}

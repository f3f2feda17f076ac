//go:build raft

package e2e

import (
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestNodesMayCountFromZeroInACluster has nodes 0, 1 and 2, as compose files and charts for Kafka often do, and
// node 0 fail and come back.
func TestNodesMayCountFromZeroInACluster(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodesFrom(t, 0, 3, nil, nil)
	c.create(t, "counted", 6)
	producer := c.client(t, kgo.DefaultProduceTopic("counted"), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	const each = 60
	write := func(from int) {
		t.Helper()
		for n := range each {
			if err := producer.ProduceSync(t.Context(), kgo.StringRecord(strconv.Itoa(from+n))).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(0)
	zero := c.node(t, 0)
	zero.crash()
	write(each)
	zero.launch(t)
	c.awaitInSync(t, "counted")
	c.balance(t, "counted")
	write(2 * each)

	consumer := c.client(t, kgo.ConsumeTopics("counted"), kgo.ConsumerGroup("all"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen := make(map[string]int)
	within(t, time.Minute, "a group has read everything", func() bool {
		consumer.PollFetches(t.Context()).EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
		return len(seen) == 3*each
	})
	for value, times := range seen {
		if times != 1 {
			t.Errorf("record %s was read %d times", value, times)
		}
	}
}

//go:build raft

package cluster

import (
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestNodesMayCountFromZeroInACluster has nodes 0, 1 and 2, as compose files and charts for Kafka often do. Node 0
// fails and comes back.
func TestNodesMayCountFromZeroInACluster(t *testing.T) {
	t.Parallel()
	c := harness.StartClusterFrom(t, 0, 3, nil, nil)
	c.Create(t, "counted", 6)
	producer := c.Client(t, kgo.DefaultProduceTopic("counted"), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
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
	zero := c.Node(t, 0)
	zero.Crash()
	write(each)
	zero.Launch(t)
	c.AwaitInSync(t, "counted")
	c.Balance(t, "counted")
	write(2 * each)

	consumer := c.Client(t, kgo.ConsumeTopics("counted"), kgo.ConsumerGroup("all"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen := make(map[string]int)
	harness.Within(t, time.Minute, "a group has read everything", func() bool {
		consumer.PollFetches(t.Context()).EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
		return len(seen) == 3*each
	})
	for value, times := range seen {
		if times != 1 {
			t.Errorf("record %s was read %d times", value, times)
		}
	}
}

//go:build raft

package measure

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestKafkasToolsForClustersThrottleMoves has Kafka's tool move a partition of 40 MB at 4 MB a second, and back without
// a throttle, while producers work.
func TestKafkasToolsForClustersThrottleMoves(t *testing.T) {
	t.Parallel()
	const size, rate = 40_000_000, 4_000_000
	c := harness.StartCluster(t, 3, nil, "--set", "http.listen=127.0.0.1:0")
	n := c.Nodes[0]
	n.Kafka(t, "topics", "--create", "--topic", "heavy", "--replica-assignment", "1:2")
	n.Kafka(t, "topics", "--create", "--topic", "live", "--replica-assignment", "1:2:3")
	fill(t, c, "heavy", size)

	there := move(t, c, "heavy", "[1, 3]", "--throttle", "4000000")
	if !there.throttled {
		t.Error("no node's metrics tell of throttled replicas while they move")
	}
	const want = size * time.Second / rate
	atLeast(t, "the move with a throttle", there.took, want*8/10)
	measured(t, "the move with a throttle", there.took, 2*want)
	back := move(t, c, "heavy", "[1, 2]")
	measured(t, "the move without a throttle", back.took, there.took/2)
	t.Logf("with a throttle it took %v, the producers' median was %v, their slowest %v", there.took, there.median(),
		there.slowest())
	t.Logf("without it took %v, the producers' median was %v, their slowest %v", back.took, back.median(), back.slowest())
}

// atLeast is like measured, for what must not be too quick. On a busy machine, the observed part of it may be short.
func atLeast(t *testing.T, what string, took, limit time.Duration) {
	t.Helper()
	t.Logf("%s: %v, wanted are %v at least", what, took.Round(time.Millisecond), limit)
	if alone() && took < limit {
		t.Errorf("%s took %v, wanted are %v at least", what, took, limit)
	}
}

// fill produces that many bytes to partition 0 of a topic.
func fill(t *testing.T, c *harness.Cluster, topic string, size int) {
	t.Helper()
	cl := c.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.DefaultProduceTopic(topic))
	value := bytes.Repeat([]byte("x"), 10_000)
	var records []*kgo.Record
	for range size / len(value) {
		records = append(records, &kgo.Record{Value: value})
	}
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// moveResult is how long it took to move a partition, and how long producers waited for each answer meanwhile.
type moveResult struct {
	took      time.Duration
	throttled bool            // metrics have told that the tool's throttle was in use
	waits     []time.Duration // in order
}

func (r moveResult) median() time.Duration  { return r.waits[len(r.waits)/2] }
func (r moveResult) slowest() time.Duration { return r.waits[len(r.waits)-1] }

// move has partition 0 of a topic moved, and returns when Kafka's tool reports that it is. Producers write to it and to
// "live".
func move(t *testing.T, c *harness.Cluster, topic, replicas string, options ...string) (result moveResult) {
	t.Helper()
	plan := filepath.Join(t.TempDir(), "plan.json")
	moved := `{"topic": "` + topic + `", "partition": 0, "replicas": ` + replicas + `}`
	harness.WriteFile(t, plan, `{"version": 1, "partitions": [`+moved+`]}`)
	tool := func(args ...string) string {
		return c.Nodes[0].Kafka(t, "reassign-partitions", append(args, "--reassignment-json-file", plan)...)
	}
	producing, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() { result.waits = produceTo(producing, t, c, topic, "live") })
	working.Go(func() { result.took, result.throttled = awaitMove(t, c, topic) })
	harness.Wants(t, tool(append([]string{"--execute"}, options...)...),
		"Successfully started partition reassignment for "+topic+"-0")
	if out := c.Nodes[0].Kafka(t, "configs", "--describe", "--entity-type", "topics", "--entity-name",
		topic); strings.Contains(out, "throttled") != (options != nil) {
		t.Errorf("with %q the topic has %s", options, out)
	}
	harness.Within(t, time.Minute, topic+" is moved", func() bool { return !moving(t, c, topic) })
	harness.Wants(t, tool("--verify"), "Reassignment of partition "+topic+"-0 is completed.",
		"Clearing topic-level throttles on topic "+topic)
	stop()
	working.Wait()
	for kind, names := range map[string][]string{"topics": {topic}, "brokers": {"1", "2", "3"}} {
		for _, name := range names {
			if out := c.Nodes[0].Kafka(t, "configs", "--describe", "--entity-type", kind, "--entity-name",
				name); strings.Contains(out, "throttled") {
				t.Errorf("throttles are left:\n%s", out)
			}
		}
	}
	return result
}

// moving reports whether a replica of partition 0 is being added or removed.
func moving(t *testing.T, c *harness.Cluster, topic string) bool {
	t.Helper()
	parts := harness.Partitions(c.Nodes[0].Metadata(t, topic))
	return len(parts) != 1 || len(parts[0].Replicas) != 2 || len(parts[0].ISR) != 2
}

// throttledBytes is a line of metrics with bytes of throttled replicas.
var throttledBytes = regexp.MustCompile(`chronik_replication_throttled_bytes_per_second\{[^}]*\} [1-9]`)

// awaitMove returns how long the move of partition 0 takes, from when it is first observed, and whether a node's
// metrics show throttled replicas in that time.
func awaitMove(t *testing.T, c *harness.Cluster, topic string) (took time.Duration, throttled bool) {
	t.Helper()
	before := harness.Partitions(c.Nodes[0].Metadata(t, topic))[0].Replicas
	changed := func() bool {
		return moving(t, c, topic) || !slices.Equal(harness.Partitions(c.Nodes[0].Metadata(t, topic))[0].Replicas, before)
	}
	harness.Within(t, time.Minute, topic+" is to be moved", changed)
	began := time.Now()
	harness.Within(t, time.Minute, topic+" is moved", func() bool {
		for _, n := range c.Nodes {
			throttled = throttled || throttledBytes.MatchString(n.Metrics(t))
		}
		return !moving(t, c, topic)
	})
	return time.Since(began), throttled
}

// produceTo writes small records to partition 0 of the topics, one after the other, until ctx ends, and returns
// the waits for the answers.
func produceTo(ctx context.Context, t *testing.T, c *harness.Cluster, topics ...string) (waits []time.Duration) {
	t.Helper()
	cl := c.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	for ctx.Err() == nil {
		for _, topic := range topics {
			began := time.Now()
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("meanwhile")}).FirstErr(); err != nil {
				t.Error(err)
				return waits
			}
			waits = append(waits, time.Since(began))
		}
		time.Sleep(5 * time.Millisecond) // the load, not a wait
	}
	slices.Sort(waits)
	return waits
}

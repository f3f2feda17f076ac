//go:build raft

package cluster

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestAFullDiskOfOneNodeStopsNoOtherAndTheNodeRecoversByItself(t *testing.T) {
	t.Parallel()
	volumes := []*harness.Volume{
		harness.NewVolume(t, harness.SmallDisk), harness.NewVolume(t, harness.SmallDisk),
		harness.NewVolume(t, harness.SmallDisk),
	}
	c := harness.StartClusterOn(t, 3, nil, volumes)
	c.Create(t, "orders", 6)
	cl := c.Client(t, kgo.DefaultProduceTopic("orders"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	sent := 0
	send := func() {
		t.Helper()
		for p := range int32(6) {
			r := &kgo.Record{Partition: p, Value: []byte(strings.Repeat("x", 1000))}
			if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		sent++
	}
	holds := func(n *harness.Node, what func(p kmsg.MetadataResponseTopicPartition) bool) bool {
		parts := harness.Partitions(n.Metadata(t, "orders"))
		return len(parts) == 6 && !slices.ContainsFunc(parts, func(p kmsg.MetadataResponseTopicPartition) bool {
			return !what(p)
		})
	}
	allInSync := func() bool {
		return holds(c.Nodes[1], func(p kmsg.MetadataResponseTopicPartition) bool { return len(p.ISR) == 3 })
	}
	send()
	harness.Within(t, time.Minute, "all are in sync", allInSync)

	full := c.Nodes[0]
	full.Volume.Fill(t, 0)
	harness.Within(t, 20*time.Second, "the node says that it is full", func() bool {
		return strings.Contains(full.SinceStart(), `msg="records are refused"`)
	})
	send() // a refused client retries until other nodes lead
	harness.Within(t, time.Minute, "the others go on without the node", func() bool {
		return holds(c.Nodes[1], func(p kmsg.MetadataResponseTopicPartition) bool {
			return p.Leader != full.ID && !slices.Contains(p.ISR, full.ID)
		})
	})
	send()
	for _, end := range []string{"a stop", "a kill"} {
		if end == "a kill" {
			full.Crash()
		} else if _, code := full.Broker.End(t, 30*time.Second, syscall.SIGTERM); code != 0 {
			t.Errorf("the node with the full disk stopped with exit code %d", code)
		}
		send()
		full.Launch(t)
		c.AwaitAll(t)
	}
	full.Volume.Clear(t)
	send()
	harness.Within(t, time.Minute, "the node is in sync again, by itself", allInSync)
	for p := range int32(6) {
		start := map[string]map[int32]kgo.Offset{"orders": {p: kgo.NewOffset().AtStart()}}
		reader := c.Client(t, kgo.ConsumePartitions(start))
		for got := 0; got < sent; {
			fetched := reader.PollFetches(t.Context())
			if err := fetched.Err(); err != nil {
				t.Fatal(err)
			}
			got += fetched.NumRecords()
		}
		reader.Close()
	}
}

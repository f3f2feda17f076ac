//go:build raft

package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestAFullDiskOfOneNodeInAClusterStopsNobodyAndTheNodeComesBackByItself(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	volumes := []*volume{newVolume(t, smallDisk), newVolume(t, smallDisk), newVolume(t, smallDisk)}
	c := startNodesOn(t, 3, nil, volumes)
	c.create(t, "orders", 6)
	cl := c.client(t, kgo.DefaultProduceTopic("orders"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	sent := 0
	send := func() {
		t.Helper()
		for p := range int32(6) {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Partition: p, Value: []byte(strings.Repeat("x", 1000))}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		sent++
	}
	holds := func(n *clusterNode, what func(p kmsg.MetadataResponseTopicPartition) bool) bool {
		parts := partitions(n.metadata(t, "orders"))
		return len(parts) == 6 && !slices.ContainsFunc(parts, func(p kmsg.MetadataResponseTopicPartition) bool { return !what(p) })
	}
	allInSync := func() bool {
		return holds(c.all[1], func(p kmsg.MetadataResponseTopicPartition) bool { return len(p.ISR) == 3 })
	}
	send()
	within(t, time.Minute, "all are in sync", allInSync)

	full := c.all[0]
	full.volume.fill(t, 0)
	within(t, 20*time.Second, "the node says that it is full", func() bool { return strings.Contains(full.sinceStart(), `msg="records are refused"`) })
	send() // the client tries again where it is refused, until others lead
	within(t, time.Minute, "the others go on without the node", func() bool {
		return holds(c.all[1], func(p kmsg.MetadataResponseTopicPartition) bool {
			return p.Leader != full.id && !slices.Contains(p.ISR, full.id)
		})
	})
	send()
	for _, end := range []string{"a stop", "a kill"} {
		if end == "a kill" {
			full.crash()
		} else if _, code := full.process.ends(t, 30*time.Second, syscall.SIGTERM); code != 0 {
			t.Errorf("the node with the full disk stopped with exit code %d", code)
		}
		send()
		full.launch(t)
		c.awaitAll(t)
	}
	full.volume.clear(t)
	send()
	within(t, time.Minute, "the node is in sync again, by itself", allInSync)
	for p := range int32(6) {
		reader := c.client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": {p: kgo.NewOffset().AtStart()}}))
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

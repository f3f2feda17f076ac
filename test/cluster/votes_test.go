//go:build raft

package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// awaitWaiting returns when a node that does not serve clients yet describes the voters that it knows.
func awaitWaiting(t *testing.T, n *harness.Node) {
	t.Helper()
	harness.Within(t, 20*time.Second, "node "+n.Ident()+" waits for others to know it", func() bool {
		return len(votersKnown(t, n)) > 0
	})
}

// votersKnown returns the voters that a node knows, by their directories' ids, even while it serves no clients; nil
// when it does not answer.
func votersKnown(t *testing.T, n *harness.Node) map[int32][16]byte {
	t.Helper()
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Version = 2
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic, topic.Partitions = "__cluster_metadata", make([]kmsg.DescribeQuorumRequestTopicPartition, 1)
	req.Topics = append(req.Topics, topic)
	resp, err := harness.Request(t, n.Addr, req)
	if err != nil {
		return nil
	}
	known := map[int32][16]byte{}
	for _, of := range resp.(*kmsg.DescribeQuorumResponse).Topics {
		for _, v := range of.Partitions[0].CurrentVoters {
			known[v.ReplicaID] = v.ReplicaDirectoryID
		}
	}
	return known
}

// TestANodeThatWasWipedIsRefusedAtEveryStart: a supervisor restarts it repeatedly.
func TestANodeThatWasWipedIsRefusedAtEveryStart(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	c.Create(t, "kept", 3)
	wiped := c.Nodes[0]
	wiped.Crash()
	wiped.Wipe(t)
	for range 3 {
		wiped.IsRefused(t)
	}
	c.Nodes[1].Crash() // the rest is no majority, and still knows the voters
	for range 2 {
		wiped.IsRefused(t)
	}
	c.Nodes[2].Crash()
	wiped.Launch(t)
	awaitWaiting(t, wiped)
	c.Nodes[2].Launch(t) // it waits for a majority, and still knows the voters
	wiped.AwaitEnd(t)
	harness.Wants(t, wiped.SinceStart(), "node 1 has no data, but has been a member of the cluster, as node 3 says")
	c.Nodes[1].Launch(t)
	harness.Within(t, 40*time.Second, "the others go on", func() bool {
		return len(c.Nodes[2].Metadata(t, "kept").Brokers) == 2
	})
	wiped.IsRefused(t)
}

// TestAWipedNodeDoesNotLetOneLeadThatLags: two nodes create a topic while the third is down; both stop, and one loses
// its disk. The third and the wiped one are no majority of the nodes that know the topic.
func TestAWipedNodeDoesNotLetOneLeadThatLags(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	first, second, third := c.Nodes[0], c.Nodes[1], c.Nodes[2]
	third.Crash()
	harness.Within(t, 20*time.Second, "node 3 is fenced", func() bool { return len(first.Metadata(t).Brokers) == 2 })
	admin := kadm.NewClient(first.Client)
	harness.Within(t, 20*time.Second, "a topic is made", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := admin.CreateTopic(ctx, 1, 2, nil, "lost")
		return err == nil
	})
	producer := harness.NewClient(t, first.Addr, kgo.DefaultProduceTopic("lost"))
	if err := producer.ProduceSync(t.Context(), kgo.StringRecord("kept")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	first.Crash()
	second.Crash()
	first.Wipe(t)
	third.Launch(t)
	first.IsRefused(t)
	first.IsRefused(t)
	second.Launch(t)
	harness.Within(t, 40*time.Second, "the topic is there", func() bool {
		return len(harness.Partitions(third.Metadata(t, "lost"))) == 1
	})
	// node 1 may have been the last in sync: then an operator has to declare it lost
	harness.Within(t, 40*time.Second, "node 2 leads it", func() bool {
		_, _ = kadm.NewClient(third.Client).ElectLeaders(t.Context(), kadm.ElectLiveReplica, kadm.TopicsSet{"lost": {0: {}}})
		parts := harness.Partitions(third.Metadata(t, "lost"))
		return len(parts) == 1 && parts[0].Leader == second.ID
	})
	consumer := harness.NewClient(t, third.Addr, kgo.ConsumeTopics("lost"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if records := consumer.PollFetches(ctx).Records(); len(records) != 1 || string(records[0].Value) != "kept" {
		t.Errorf("read: %v", records)
	}
	first.IsRefused(t)
}

// TestTwoWipedNodesDoNotBeginANewCluster: the third, which has all data, is down when they start.
func TestTwoWipedNodesDoNotBeginANewCluster(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	c.Create(t, "kept", 1)
	for _, n := range c.Nodes {
		n.Crash()
	}
	wiped := c.Nodes[:2]
	for _, n := range wiped {
		n.Wipe(t)
	}
	for range 2 { // the second time on the first attempt's data
		for _, n := range wiped {
			n.Launch(t)
		}
		for _, n := range wiped {
			harness.Within(t, 20*time.Second, "the nodes know each other", func() bool { return len(votersKnown(t, n)) == 2 })
			if m := n.Metadata(t); len(m.Brokers) > 0 {
				t.Errorf("node %d serves clients: %+v", n.ID, m.Brokers)
			}
		}
		for _, n := range wiped {
			n.Crash()
		}
	}
	for _, n := range c.Nodes {
		n.Launch(t)
	}
	for _, n := range wiped {
		n.AwaitEnd(t)
		harness.Wants(t, n.SinceStart(), "has been a member of the cluster, as node 3 says")
	}
}

// TestAClusterBeginsHoweverItsNodesAreStarted: one after the other, with restarts in between, and killed at any moment.
func TestAClusterBeginsHoweverItsNodesAreStarted(t *testing.T) {
	t.Parallel()
	t.Run("one after the other", func(t *testing.T) {
		c := harness.NewCluster(t, 3)
		first, second, third := c.Nodes[0], c.Nodes[1], c.Nodes[2]
		first.Launch(t)
		awaitWaiting(t, first)
		first.Crash()
		first.Launch(t)
		second.Launch(t)
		harness.Within(t, 20*time.Second, "two know each other", func() bool {
			return len(votersKnown(t, first)) == 2 && len(votersKnown(t, second)) == 2
		})
		harness.Wants(t, first.SinceStart(), "waiting until other nodes know this one", "missing=")
		for range 2 {
			first.Crash()
			second.Crash()
			second.Launch(t)
			first.Launch(t)
		}
		third.Launch(t)
		c.AwaitAll(t)
		c.Create(t, "kept", 3)
	})
	t.Run("killed at any moment", func(t *testing.T) {
		for round := range 6 {
			c := harness.NewCluster(t, 3)
			for range 3 {
				for _, n := range c.Nodes {
					n.Launch(t)
				}
				time.Sleep(time.Duration(round) * 130 * time.Millisecond) // the moment of the kill differs between rounds
				for _, n := range c.Nodes {
					n.Crash()
				}
			}
			for _, n := range c.Nodes {
				n.Launch(t)
			}
			c.AwaitAll(t)
			c.End(t)
		}
	})
}

// TestAVoterOfAnEarlierVersionKeepsItsVote: its guard file records no claims. It knows from the metadata that its own
// was committed.
func TestAVoterOfAnEarlierVersionKeepsItsVote(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	c.Create(t, "kept", 1)
	before := votersKnown(t, c.Nodes[0])
	for _, n := range c.Nodes {
		n.Crash()
		path := filepath.Join(n.Dir, "raft", "node.json")
		text, err := os.ReadFile(path)
		var guard map[string]json.RawMessage
		if err == nil {
			err = json.Unmarshal(text, &guard)
		}
		if err != nil {
			t.Fatal(err)
		}
		delete(guard, "vote_claimed")
		delete(guard, "founders")
		if text, err = json.Marshal(guard); err != nil {
			t.Fatal(err)
		}
		harness.WriteFile(t, path, string(text))
	}
	c.Nodes[0].Launch(t)
	c.Nodes[1].Launch(t)
	harness.Within(t, 40*time.Second, "two go on without asking the third", func() bool {
		return len(harness.Partitions(c.Nodes[0].Metadata(t, "kept"))) == 1
	})
	c.Nodes[2].Wipe(t)
	c.Nodes[2].IsRefused(t)
	if after := votersKnown(t, c.Nodes[0]); fmt.Sprint(after) != fmt.Sprint(before) || len(after) != 3 {
		t.Errorf("voters %v, before %v", after, before)
	}
}

// TestANodeThatWaitsIsNoBrokerToClients: a client gets no answer, and tries another address.
func TestANodeThatWaitsIsNoBrokerToClients(t *testing.T) {
	t.Parallel()
	c := harness.NewCluster(t, 3)
	waiting := c.Nodes[0]
	waiting.Launch(t)
	awaitWaiting(t, waiting)
	for _, req := range []kmsg.Request{
		kmsg.NewPtrApiVersionsRequest(), kmsg.NewPtrMetadataRequest(),
		kmsg.NewPtrProduceRequest(),
	} {
		req.SetVersion(req.MaxVersion())
		if resp, err := harness.Request(t, waiting.Addr, req); err == nil {
			t.Errorf("%s is answered: %+v", kmsg.NameForKey(req.Key()), resp)
		}
	}
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Topics = []kmsg.DescribeQuorumRequestTopic{{
		Topic:      "__cluster_metadata",
		Partitions: make([]kmsg.DescribeQuorumRequestTopicPartition, 1),
	}}
	resp, err := harness.Request(t, waiting.Addr, req)
	if err != nil || resp.(*kmsg.DescribeQuorumResponse).ErrorCode != kerr.NotController.Code {
		t.Errorf("DescribeQuorum: %+v, %v", resp, err)
	}
	c.Nodes[1].Launch(t)
	c.Nodes[2].Launch(t)
	c.AwaitAll(t)
	if seeds := c.Seeds(); !slices.Contains(seeds, waiting.Addr) {
		t.Fatal(seeds)
	}
}

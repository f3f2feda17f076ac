//go:build raft

package e2e

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
)

// wipe takes away all that a node that does not run has on its disk.
func (n *clusterNode) wipe(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(n.dir); err != nil {
		t.Fatal(err)
	}
}

// isRefused starts a node and returns when it has ended with what must be said of a node that was wiped.
func (n *clusterNode) isRefused(t *testing.T) {
	t.Helper()
	n.launch(t)
	n.ends(t)
	wants(t, n.sinceStart(), "node "+n.ident()+" has no data, but has been a member of the cluster", "chronik-server cluster replace-node "+n.ident())
}

// awaitWaiting returns when a node that does not serve clients yet says what it knows of votes.
func (n *clusterNode) awaitWaiting(t *testing.T) {
	t.Helper()
	within(t, 20*time.Second, "node "+n.ident()+" waits for others to know it", func() bool {
		return len(n.votersKnown(t)) > 0
	})
}

// votersKnown is what a node says of who votes, by their directories' ids, also while it serves nobody else;
// nil when it does not answer.
func (n *clusterNode) votersKnown(t *testing.T) map[int32][16]byte {
	t.Helper()
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Version = 2
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic, topic.Partitions = "__cluster_metadata", make([]kmsg.DescribeQuorumRequestTopicPartition, 1)
	req.Topics = append(req.Topics, topic)
	resp, err := bare(t, n.addr, req)
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

// TestANodeThatWasWipedIsRefusedAtEveryStart: a supervisor starts it again and again.
func TestANodeThatWasWipedIsRefusedAtEveryStart(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	c.create(t, "kept", 3)
	wiped := c.all[0]
	wiped.crash()
	wiped.wipe(t)
	for range 3 {
		wiped.isRefused(t)
	}
	c.all[1].crash() // what is left has no majority, and still knows
	for range 2 {
		wiped.isRefused(t)
	}
	c.all[2].crash()
	wiped.launch(t)
	wiped.awaitWaiting(t)
	c.all[2].launch(t) // it waits for a majority, and still knows
	wiped.ends(t)
	wants(t, wiped.sinceStart(), "node 1 has no data, but has been a member of the cluster, as node 3 says")
	c.all[1].launch(t)
	within(t, 40*time.Second, "the others go on", func() bool { return len(c.all[2].metadata(t, "kept").Brokers) == 2 })
	wiped.isRefused(t)
}

// TestAWipedNodeDoesNotLetOneLeadThatLags: two nodes make a topic while the third is down; they end, and one of their
// disks is lost. The third and the empty one are no majority of those who know.
func TestAWipedNodeDoesNotLetOneLeadThatLags(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	first, second, third := c.all[0], c.all[1], c.all[2]
	third.crash()
	within(t, 20*time.Second, "node 3 is fenced", func() bool { return len(first.metadata(t).Brokers) == 2 })
	admin := kadm.NewClient(first.admin)
	within(t, 20*time.Second, "a topic is made", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := admin.CreateTopic(ctx, 1, 2, nil, "lost")
		return err == nil
	})
	producer := client(t, first.addr, kgo.DefaultProduceTopic("lost"))
	if err := producer.ProduceSync(t.Context(), kgo.StringRecord("kept")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	first.crash()
	second.crash()
	first.wipe(t)
	third.launch(t)
	first.isRefused(t)
	first.isRefused(t)
	second.launch(t)
	within(t, 40*time.Second, "the topic is there", func() bool { return len(partitions(third.metadata(t, "lost"))) == 1 })
	// node 1 may have been the last in sync: then an operator has to say that it is lost
	within(t, 40*time.Second, "node 2 leads it", func() bool {
		_, _ = kadm.NewClient(third.admin).ElectLeaders(t.Context(), kadm.ElectLiveReplica, kadm.TopicsSet{"lost": {0: {}}})
		parts := partitions(third.metadata(t, "lost"))
		return len(parts) == 1 && parts[0].Leader == second.id
	})
	consumer := client(t, third.addr, kgo.ConsumeTopics("lost"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if records := consumer.PollFetches(ctx).Records(); len(records) != 1 || string(records[0].Value) != "kept" {
		t.Errorf("read: %v", records)
	}
	first.isRefused(t)
}

// TestTwoWipedNodesDoNotBeginANewCluster: the third, which has everything, is down when they start.
func TestTwoWipedNodesDoNotBeginANewCluster(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	c.create(t, "kept", 1)
	for _, n := range c.all {
		n.crash()
	}
	wiped := c.all[:2]
	for _, n := range wiped {
		n.wipe(t)
	}
	for range 2 { // the second time with what the first has left
		for _, n := range wiped {
			n.launch(t)
		}
		for _, n := range wiped {
			within(t, 20*time.Second, "they know each other", func() bool { return len(n.votersKnown(t)) == 2 })
			if m := n.metadata(t); len(m.Brokers) > 0 {
				t.Errorf("node %d serves clients: %+v", n.id, m.Brokers)
			}
		}
		for _, n := range wiped {
			n.crash()
		}
	}
	for _, n := range c.all {
		n.launch(t)
	}
	for _, n := range wiped {
		n.ends(t)
		wants(t, n.sinceStart(), "has been a member of the cluster, as node 3 says")
	}
}

// TestAClusterBeginsHoweverItsNodesAreStarted: one after the other, with restarts in between, and killed at any moment.
func TestAClusterBeginsHoweverItsNodesAreStarted(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	t.Run("one after the other", func(t *testing.T) {
		c := newNodes(t, 3)
		first, second, third := c.all[0], c.all[1], c.all[2]
		first.launch(t)
		first.awaitWaiting(t)
		first.crash()
		first.launch(t)
		second.launch(t)
		within(t, 20*time.Second, "two know each other", func() bool { return len(first.votersKnown(t)) == 2 && len(second.votersKnown(t)) == 2 })
		wants(t, first.sinceStart(), "waiting until other nodes know this one", "missing=")
		for range 2 {
			first.crash()
			second.crash()
			second.launch(t)
			first.launch(t)
		}
		third.launch(t)
		c.awaitAll(t)
		c.create(t, "kept", 3)
	})
	t.Run("killed at any moment", func(t *testing.T) {
		for round := range 6 {
			c := newNodes(t, 3)
			for range 3 {
				for _, n := range c.all {
					n.launch(t)
				}
				time.Sleep(time.Duration(round) * 130 * time.Millisecond) // the moment, which differs from round to round
				for _, n := range c.all {
					n.crash()
				}
			}
			for _, n := range c.all {
				n.launch(t)
			}
			c.awaitAll(t)
			c.end(t)
		}
	})
}

// TestAVoterOfAnEarlierVersionGoesOn: its guard file says nothing of claims. That its own is agreed on
// it knows from the metadata.
func TestAVoterOfAnEarlierVersionGoesOn(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	c.create(t, "kept", 1)
	before := c.all[0].votersKnown(t)
	for _, n := range c.all {
		n.crash()
		path := filepath.Join(n.dir, "raft", "node.json")
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
		writeFile(t, path, string(text))
	}
	c.all[0].launch(t)
	c.all[1].launch(t)
	within(t, 40*time.Second, "two go on without asking the third", func() bool { return len(partitions(c.all[0].metadata(t, "kept"))) == 1 })
	c.all[2].wipe(t)
	c.all[2].isRefused(t)
	if after := c.all[0].votersKnown(t); fmt.Sprint(after) != fmt.Sprint(before) || len(after) != 3 {
		t.Errorf("voters %v, before %v", after, before)
	}
}

// TestANodeThatWaitsIsNoBrokerToClients: a client gets no answer, and goes on with another address.
func TestANodeThatWaitsIsNoBrokerToClients(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := newNodes(t, 3)
	waiting := c.all[0]
	waiting.launch(t)
	waiting.awaitWaiting(t)
	for _, req := range []kmsg.Request{kmsg.NewPtrApiVersionsRequest(), kmsg.NewPtrMetadataRequest(), kmsg.NewPtrProduceRequest()} {
		req.SetVersion(req.MaxVersion())
		if resp, err := bare(t, waiting.addr, req); err == nil {
			t.Errorf("%s is answered: %+v", kmsg.NameForKey(req.Key()), resp)
		}
	}
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: "__cluster_metadata", Partitions: make([]kmsg.DescribeQuorumRequestTopicPartition, 1)}}
	resp, err := bare(t, waiting.addr, req)
	if err != nil || resp.(*kmsg.DescribeQuorumResponse).ErrorCode != kerr.NotController.Code {
		t.Errorf("DescribeQuorum: %+v, %v", resp, err)
	}
	c.all[1].launch(t)
	c.all[2].launch(t)
	c.awaitAll(t)
	if seeds := c.seeds(); !slices.Contains(seeds, waiting.addr) {
		t.Fatal(seeds)
	}
}

//go:build raft

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// quorum is what a node says of who keeps the metadata; false when it does not answer.
func (n *clusterNode) quorum(t *testing.T) (of kmsg.DescribeQuorumResponseTopicPartition, ok bool) {
	t.Helper()
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Version = 2
	req.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: "__cluster_metadata", Partitions: make([]kmsg.DescribeQuorumRequestTopicPartition, 1)}}
	resp, err := bare(t, n.addr, req)
	if err != nil || resp.(*kmsg.DescribeQuorumResponse).ErrorCode != 0 {
		return of, false
	}
	return resp.(*kmsg.DescribeQuorumResponse).Topics[0].Partitions[0], true
}

// TestEachNodeTellsHowFarTheOthersAreWithTheMetadata: Kafka's tool computes each one's lag of that,
// whichever node it has asked.
func TestEachNodeTellsHowFarTheOthersAreWithTheMetadata(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	c.create(t, "kept", 3)
	caughtUp := func(n *clusterNode, nodes ...int32) bool {
		of, ok := n.quorum(t)
		recent := time.Now().Add(-5 * time.Second).UnixMilli()
		return ok && len(of.CurrentVoters) == 3 && !slices.ContainsFunc(of.CurrentVoters, func(v kmsg.DescribeQuorumResponseTopicPartitionReplicaState) bool {
			return slices.Contains(nodes, v.ReplicaID) && (v.LogEndOffset != of.HighWatermark || v.LastFetchTimestamp < recent || v.LastCaughtUpTimestamp < recent)
		})
	}
	for _, n := range c.all {
		within(t, 20*time.Second, "node "+n.ident()+" says that all have caught up", func() bool { return caughtUp(n, 1, 2, 3) })
		within(t, 40*time.Second, "Kafka's tool finds no lag", func() bool {
			lines := strings.Split(strings.TrimSpace(n.kafka(t, "metadata-quorum", "describe", "--replication")), "\n")
			return len(lines) == 4 && !slices.ContainsFunc(lines[1:], func(line string) bool { return strings.Fields(line)[3] != "0" })
		})
	}
	leader := c.controller(t)
	dead := c.all[slices.IndexFunc(c.all, func(n *clusterNode) bool { return n != leader })]
	dead.crash()
	died := time.Now().UnixMilli()
	// that is a change of the metadata
	within(t, 20*time.Second, "the others go on", func() bool { return len(leader.metadata(t).Brokers) == 2 })
	for _, n := range c.all {
		if n == dead {
			continue
		}
		within(t, 20*time.Second, "node "+n.ident()+" says that one lags", func() bool {
			of, ok := n.quorum(t)
			return ok && slices.ContainsFunc(of.CurrentVoters, func(v kmsg.DescribeQuorumResponseTopicPartitionReplicaState) bool {
				return v.ReplicaID == dead.id && v.LogEndOffset > 0 && v.LogEndOffset < of.HighWatermark && v.LastFetchTimestamp > 0 && v.LastFetchTimestamp <= died
			})
		})
	}
}

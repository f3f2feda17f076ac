//go:build raft

package cluster

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// quorum returns a node's description of the quorum; false when it does not answer.
func quorum(t *testing.T, n *harness.Node) (of kmsg.DescribeQuorumResponseTopicPartition, ok bool) {
	t.Helper()
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Version = 2
	req.Topics = []kmsg.DescribeQuorumRequestTopic{{
		Topic:      "__cluster_metadata",
		Partitions: make([]kmsg.DescribeQuorumRequestTopicPartition, 1),
	}}
	resp, err := harness.Request(t, n.Addr, req)
	if err != nil || resp.(*kmsg.DescribeQuorumResponse).ErrorCode != 0 {
		return of, false
	}
	return resp.(*kmsg.DescribeQuorumResponse).Topics[0].Partitions[0], true
}

// TestEachNodeDescribesHowFarTheOthersHaveReplicatedTheMetadata: Kafka's tool computes each replica's lag from it,
// whichever node it asks.
func TestEachNodeDescribesHowFarTheOthersHaveReplicatedTheMetadata(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	c.Create(t, "kept", 3)
	caughtUp := func(n *harness.Node, nodes ...int32) bool {
		of, ok := quorum(t, n)
		recent := time.Now().Add(-5 * time.Second).UnixMilli()
		return ok && len(of.CurrentVoters) == 3 && !slices.ContainsFunc(of.CurrentVoters,
			func(v kmsg.DescribeQuorumResponseTopicPartitionReplicaState) bool {
				return slices.Contains(nodes, v.ReplicaID) && (v.LogEndOffset != of.HighWatermark ||
					v.LastFetchTimestamp < recent || v.LastCaughtUpTimestamp < recent)
			})
	}
	for _, n := range c.Nodes {
		harness.Within(t, 20*time.Second, "node "+n.Ident()+" says that all have caught up", func() bool {
			return caughtUp(n, 1, 2, 3)
		})
		harness.Within(t, 40*time.Second, "Kafka's tool finds no lag", func() bool {
			lines := strings.Split(strings.TrimSpace(n.Kafka(t, "metadata-quorum", "describe", "--replication")), "\n")
			return len(lines) == 4 && !slices.ContainsFunc(lines[1:], func(line string) bool {
				return strings.Fields(line)[3] != "0"
			})
		})
	}
	leader := c.Controller(t)
	dead := c.Nodes[slices.IndexFunc(c.Nodes, func(n *harness.Node) bool { return n != leader })]
	dead.Crash()
	died := time.Now().UnixMilli()
	// that is a change of the metadata
	harness.Within(t, 20*time.Second, "the others go on", func() bool { return len(leader.Metadata(t).Brokers) == 2 })
	for _, n := range c.Nodes {
		if n == dead {
			continue
		}
		harness.Within(t, 20*time.Second, "node "+n.Ident()+" says that one lags", func() bool {
			of, ok := quorum(t, n)
			return ok && slices.ContainsFunc(of.CurrentVoters,
				func(v kmsg.DescribeQuorumResponseTopicPartitionReplicaState) bool {
					return v.ReplicaID == dead.ID && v.LogEndOffset > 0 && v.LogEndOffset < of.HighWatermark &&
						v.LastFetchTimestamp > 0 && v.LastFetchTimestamp <= died
				})
		})
	}
}

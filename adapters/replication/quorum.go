//go:build raft

package replication

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// askQuorum bounds the question, which is asked before there is anything else to do.
const askQuorum = 2 * time.Second

// AskQuorum asks a broker which nodes keep the metadata, with and without a vote, by Kafka's DescribeQuorum. The answer holds the incarnation
// under which each has begun, zero for one that has not begun yet. Of an error, Distrust says more.
func AskQuorum(ctx context.Context, secure TLS, address string) (map[int32][16]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askQuorum)
	defer cancel()
	c, err := dial(ctx, secure, address, "new-node")
	if err != nil {
		return nil, err
	}
	defer c.close()
	req, resp := kmsg.NewPtrDescribeQuorumRequest(), kmsg.NewPtrDescribeQuorumResponse()
	req.Version, resp.Version = 2, 2
	topic, part := kmsg.NewDescribeQuorumRequestTopic(), kmsg.NewDescribeQuorumRequestTopicPartition()
	topic.Topic, topic.Partitions = "__cluster_metadata", append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	if err := c.do(ctx, req, resp); err != nil {
		return nil, err
	}
	if err := faultOf(resp.ErrorCode); err != nil {
		return nil, err
	}
	nodes := map[int32][16]byte{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			for _, v := range slices.Concat(p.CurrentVoters, p.Observers) {
				nodes[v.ReplicaID] = v.ReplicaDirectoryID
			}
		}
	}
	return nodes, nil
}

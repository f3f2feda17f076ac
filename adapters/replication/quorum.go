//go:build raft

package replication

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// askQuorum bounds the question, which is asked before there is anything else to do.
const askQuorum = 2 * time.Second

// AskQuorum asks a node who keeps the metadata, with and without a vote, by Kafka's DescribeQuorum. A node without a majority, and one that does not
// serve clients yet, says what it knows by itself. Of an error, Distrust says more.
func AskQuorum(ctx context.Context, secure TLS, node int32, address string) (broker.KnownVoters, error) {
	known := broker.KnownVoters{By: node, Voters: map[int32][16]byte{}}
	ctx, cancel := context.WithTimeout(ctx, askQuorum)
	defer cancel()
	c, err := dial(ctx, secure, address, "new-node")
	if err != nil {
		return known, err
	}
	defer c.close()
	req, resp := kmsg.NewPtrDescribeQuorumRequest(), kmsg.NewPtrDescribeQuorumResponse()
	req.Version, resp.Version = 2, 2
	topic, part := kmsg.NewDescribeQuorumRequestTopic(), kmsg.NewDescribeQuorumRequestTopicPartition()
	topic.Topic, topic.Partitions = "__cluster_metadata", append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	if err := c.do(ctx, req, resp); err != nil {
		return known, err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			for _, v := range slices.Concat(p.CurrentVoters, p.Observers) {
				known.Voters[v.ReplicaID] = v.ReplicaDirectoryID
			}
		}
	}
	err = faultOf(resp.ErrorCode)
	known.Agreed = err == nil
	if errors.Is(err, fault.NotController) && len(known.Voters) > 0 {
		return known, nil
	}
	return known, err
}

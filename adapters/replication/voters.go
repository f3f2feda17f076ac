//go:build raft

package replication

import (
	"context"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Voter is a node that has a say in the metadata.
type Voter struct {
	Node      int32
	Directory [16]byte // the incarnation under which it has voted; zero when it has not
}

// askVoters bounds the question, which is asked before there is anything else to do.
const askVoters = 2 * time.Second

// Voters asks a broker who votes on the metadata, by Kafka's DescribeQuorum.
func Voters(ctx context.Context, address string) ([]Voter, error) {
	ctx, cancel := context.WithTimeout(ctx, askVoters)
	defer cancel()
	c, err := dial(ctx, &net.Dialer{}, address, "new-node")
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
	var voters []Voter
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			for _, v := range p.CurrentVoters {
				voters = append(voters, Voter{v.ReplicaID, v.ReplicaDirectoryID})
			}
		}
	}
	return voters, nil
}

package replication

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaclient"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// askQuorum bounds the question.
const askQuorum = 2 * time.Second

// AskQuorum asks a node for the voters and observers of the metadata, by Kafka's DescribeQuorum. A node without a
// majority, and one that does not serve clients yet, answers with what it knows itself; no node forwards the request.
// Distrust tells whether an error is about certificates.
func AskQuorum(ctx context.Context, secure TLS, node int32, address string) (controller.KnownVoters, error) {
	known := controller.KnownVoters{By: node, Voters: map[int32][16]byte{}}
	quorum, err := describeQuorum(ctx, secure, address)
	for _, v := range slices.Concat(quorum.Voters, quorum.Observers) {
		known.Voters[v.Node] = v.Directory
	}
	known.Agreed = err == nil
	if errors.Is(err, fault.NotController) && len(known.Voters) > 0 {
		return known, nil
	}
	return known, err
}

// ForwardQuorum asks the metadata's leader to describe the quorum, for a client that has asked this broker.
func ForwardQuorum(ctx context.Context, secure TLS, address string) (controller.QuorumDescription, error) {
	return describeQuorum(ctx, secure, address)
}

// describeQuorum makes the request. An error code in the answer is returned together with the answer's content.
func describeQuorum(ctx context.Context, secure TLS, address string) (q controller.QuorumDescription, err error) {
	ctx, cancel := context.WithTimeout(ctx, askQuorum)
	defer cancel()
	c, err := kafkaclient.Dialer{ClientID: "quorum", Secure: secure.over}.Dial(ctx, address)
	if err != nil {
		return q, err
	}
	defer c.Close()
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.UnknownTags.Set(ports.ForwardedTag, nil)
	req.Version = 2
	topic, part := kmsg.NewDescribeQuorumRequestTopic(), kmsg.NewDescribeQuorumRequestTopicPartition()
	topic.Topic, topic.Partitions = "__cluster_metadata", append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return q, err
	}
	if len(resp.Topics) == 1 && len(resp.Topics[0].Partitions) == 1 {
		p := resp.Topics[0].Partitions[0]
		q.Leader, q.LeaderEpoch, q.HighWatermark = p.LeaderID, p.LeaderEpoch, p.HighWatermark
		q.Voters, q.Observers = quorumReplicas(p.CurrentVoters), quorumReplicas(p.Observers)
	}
	return q, faultOf(resp.ErrorCode)
}

func quorumReplicas(states []kmsg.DescribeQuorumResponseTopicPartitionReplicaState) []controller.QuorumReplica {
	replicas := make([]controller.QuorumReplica, len(states))
	for i, s := range states {
		replicas[i] = controller.QuorumReplica{
			Node:         s.ReplicaID,
			Directory:    s.ReplicaDirectoryID,
			LogEndOffset: s.LogEndOffset,
			LastFetch:    s.LastFetchTimestamp,
			LastCaughtUp: s.LastCaughtUpTimestamp,
		}
	}
	return replicas
}

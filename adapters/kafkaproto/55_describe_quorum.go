package kafkaproto

import (
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// DescribeQuorum: v0-2 (KIP-595, KIP-836, KIP-853). The metadata is described as the only partition of Kafka's metadata
// topic, whichever store keeps it. Directories have no ids.
//
// Only the leader knows how far the others are: another broker forwards the request to it, and marks that, so that it
// is not forwarded twice.
//
// Without a majority the answer is NOT_CONTROLLER, together with the voters that the node knows itself. Clients ignore
// these; nodes need them to find out whether they have voted before.
//
// * v1: the times of the last fetches; v2: error messages, the voters' addresses

// quorumTopic is the topic in which Apache Kafka keeps its metadata.
const quorumTopic = "__cluster_metadata"

func (x *exchange) describeQuorum(req *kmsg.DescribeQuorumRequest) *kmsg.DescribeQuorumResponse {
	resp := kmsg.NewPtrDescribeQuorumResponse()
	resp.ErrorMessage = new(string) // never null, as Kafka has it
	if len(req.Topics) != 1 || req.Topics[0].Topic != quorumTopic || len(req.Topics[0].Partitions) != 1 ||
		req.Topics[0].Partitions[0].Partition != 0 {
		for _, t := range req.Topics {
			out := kmsg.NewDescribeQuorumResponseTopic()
			out.Topic = t.Topic
			for _, p := range t.Partitions {
				at := kmsg.NewDescribeQuorumResponseTopicPartition()
				at.Partition, at.ErrorCode = p.Partition, x.code(fault.UnknownTopicOrPartition)
				at.ErrorMessage = kafkaerrors.Describe(fault.UnknownTopicOrPartition)
				out.Partitions = append(out.Partitions, at)
			}
			resp.Topics = append(resp.Topics, out)
		}
		return resp
	}
	forwarded := false
	req.UnknownTags.Each(func(tag uint32, _ []byte) { forwarded = forwarded || tag == ports.ForwardedTag })
	quorum, err := x.services().Quorum.Describe(x.ctx, forwarded)
	if err != nil {
		resp.ErrorCode, resp.ErrorMessage = x.code(err), kafkaerrors.Message(err)
		if len(quorum.Voters) == 0 {
			return resp
		}
	}
	out, at := kmsg.NewDescribeQuorumResponseTopic(), kmsg.NewDescribeQuorumResponseTopicPartition()
	out.Topic, at.ErrorMessage = quorumTopic, new(string)
	at.LeaderID, at.LeaderEpoch, at.HighWatermark = quorum.Leader, quorum.LeaderEpoch, quorum.HighWatermark
	at.CurrentVoters, at.Observers = replicaStates(quorum.Voters), replicaStates(quorum.Observers)
	out.Partitions = append(out.Partitions, at)
	resp.Topics = append(resp.Topics, out)
	if req.Version >= 2 && err == nil {
		resp.Nodes = x.quorumNodes(quorum.Voters)
	}
	return resp
}

func replicaStates(replicas []controller.QuorumReplica) []kmsg.DescribeQuorumResponseTopicPartitionReplicaState {
	states := make([]kmsg.DescribeQuorumResponseTopicPartitionReplicaState, len(replicas))
	for n, r := range replicas {
		states[n].Default()
		states[n].ReplicaID, states[n].ReplicaDirectoryID, states[n].LogEndOffset = r.Node, r.Directory, r.LogEndOffset
		states[n].LastFetchTimestamp, states[n].LastCaughtUpTimestamp = r.LastFetch, r.LastCaughtUp
	}
	return states
}

// quorumNodes returns the voters' addresses for the listener of the client's connection.
func (x *exchange) quorumNodes(voters []controller.QuorumReplica) []kmsg.DescribeQuorumResponseNode {
	at := make(map[int32]endpoint)
	for _, e := range x.allBrokers() {
		at[e.node] = e
	}
	nodes := make([]kmsg.DescribeQuorumResponseNode, 0, len(voters))
	for _, v := range voters {
		node := kmsg.NewDescribeQuorumResponseNode()
		node.NodeID = v.Node
		if e, ok := at[v.Node]; ok && e.port >= 0 && e.port <= math.MaxUint16 {
			listener := kmsg.NewDescribeQuorumResponseNodeListener()
			listener.Name, listener.Host, listener.Port = x.conn.listener.name, e.host, uint16(e.port)
			node.Listeners = append(node.Listeners, listener)
		}
		nodes = append(nodes, node)
	}
	return nodes
}

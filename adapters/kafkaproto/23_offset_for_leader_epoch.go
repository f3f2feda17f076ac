package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
)

// OffsetForLeaderEpoch: v2-4. Consumers detect by it that a log was truncated (KIP-320).
//
// * v3: replica id, which only followers set; the answer does not depend on it

func (x *exchange) offsetForLeaderEpoch(req *kmsg.OffsetForLeaderEpochRequest) *kmsg.OffsetForLeaderEpochResponse {
	var queries []replicas.EpochQuery
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			queries = append(queries, replicas.EpochQuery{
				Topic: t.Topic, Partition: p.Partition, CurrentLeaderEpoch: p.CurrentLeaderEpoch, Epoch: p.LeaderEpoch,
			})
		}
	}
	if err := x.follows(req.ReplicaID); err != nil {
		for i := range queries {
			queries[i].Err = err
		}
	} else {
		x.services().Offsets.EpochEnds(x.ctx, queries)
	}

	resp := kmsg.NewPtrOffsetForLeaderEpochResponse()
	for _, t := range req.Topics {
		topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
		topic.Topic = t.Topic
		for range t.Partitions {
			q := &queries[0]
			queries = queries[1:]
			at := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			at.Partition = q.Partition
			at.ErrorCode = x.code(q.Err)
			at.LeaderEpoch = q.FoundEpoch
			at.EndOffset = q.EndOffset
			if q.Err != nil {
				at.LeaderEpoch, at.EndOffset = -1, -1
			}
			topic.Partitions = append(topic.Partitions, at)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

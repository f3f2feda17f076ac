package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// ListOffsets: v1-11.
//
// * v2: isolation level; v4: leader epochs (KIP-320)
// * v7: timestamp -3, the record with the largest timestamp (KIP-734)
// * v8: -4, the earliest offset on local disk (KIP-405); v9: -5, the latest in tiered storage (KIP-1005)
// * v10: a time-out for remote lookups (KIP-1075), which is not used; v11: -6 (KIP-1023)

func (x *exchange) listOffsets(req *kmsg.ListOffsetsRequest) *kmsg.ListOffsetsResponse {
	var queries []replicas.OffsetQuery
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			queries = append(queries, replicas.OffsetQuery{
				Topic: t.Topic, Partition: p.Partition,
				CurrentLeaderEpoch: p.CurrentLeaderEpoch, Timestamp: p.Timestamp,
				ReadCommitted: req.IsolationLevel == readCommitted, AnyReplica: req.ReplicaID == debuggingConsumer,
			})
		}
	}
	x.services().Offsets.List(x.ctx, queries)

	asked := make(map[partitionName]int, len(queries))
	for _, q := range queries {
		asked[partitionName{q.Topic, q.Partition}]++
	}
	resp := kmsg.NewPtrListOffsetsResponse()
	for _, t := range req.Topics {
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic = t.Topic
		for range t.Partitions {
			q := &queries[0]
			queries = queries[1:]
			name := partitionName{q.Topic, q.Partition}
			if asked[name] == 0 {
				continue // a repetition that was answered
			}
			at := kmsg.NewListOffsetsResponseTopicPartition()
			at.Partition = q.Partition
			at.Offset = q.Offset
			at.Timestamp = q.AtTimestamp
			at.LeaderEpoch = q.LeaderEpoch
			switch {
			case asked[name] > 1:
				asked[name] = 0
				q.Err = fault.InvalidRequest
			case q.Timestamp < oldestTimestamp(req.Version):
				q.Err = fault.UnsupportedVersion
			}
			if q.Err != nil {
				at.ErrorCode = x.code(q.Err)
				at.Offset = -1
				at.Timestamp = -1
				at.LeaderEpoch = -1
			}
			topic.Partitions = append(topic.Partitions, at)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// partitionName identifies a partition, to find those that a request names twice.
type partitionName struct {
	topic string
	index int32
}

// debuggingConsumer is the replica id of a consumer that may read from any replica.
const debuggingConsumer = -2

// readCommitted is the isolation level of consumers that see committed transactions only.
const readCommitted = 1

// oldestTimestamp returns the lowest special timestamp that a version has.
func oldestTimestamp(version int16) int64 {
	switch {
	case version >= 11:
		return replicas.EarliestPendingUpload
	case version >= 9:
		return replicas.LatestTieredTimestamp
	case version >= 8:
		return replicas.EarliestLocalTimestamp
	case version >= 7:
		return replicas.MaxTimestamp
	}
	return replicas.EarliestTimestamp
}

package kafkaproto

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
)

// DeleteRecords: v0-2.

func (x *exchange) deleteRecords(req *kmsg.DeleteRecordsRequest) *kmsg.DeleteRecordsResponse {
	var queries []replicas.DeleteRecordsQuery
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			queries = append(queries,
				replicas.DeleteRecordsQuery{Topic: t.Topic, Partition: p.Partition, Offset: p.Offset})
		}
	}
	ctx, cancel := context.WithTimeout(x.ctx, time.Duration(req.TimeoutMillis)*time.Millisecond)
	defer cancel()
	x.services().Offsets.DeleteRecords(ctx, queries)

	resp := kmsg.NewPtrDeleteRecordsResponse()
	for _, t := range req.Topics {
		topic := kmsg.NewDeleteRecordsResponseTopic()
		topic.Topic = t.Topic
		for range t.Partitions {
			q := &queries[0]
			queries = queries[1:]
			at := kmsg.NewDeleteRecordsResponseTopicPartition()
			at.Partition, at.ErrorCode, at.LowWatermark = q.Partition, x.code(q.Err), q.LowWatermark
			if q.Err != nil {
				at.LowWatermark = -1
			}
			topic.Partitions = append(topic.Partitions, at)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

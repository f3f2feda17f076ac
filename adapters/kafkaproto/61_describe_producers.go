package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// DescribeProducers: v0 (KIP-664).

func (x *exchange) describeProducers(req *kmsg.DescribeProducersRequest) *kmsg.DescribeProducersResponse {
	resp := kmsg.NewPtrDescribeProducersResponse()
	for _, t := range req.Topics {
		topic := kmsg.NewDescribeProducersResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			topic.Partitions = append(topic.Partitions, x.describeProducersOf(t.Topic, p))
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// producerFootprint is the estimated size in bytes of a producer, as kmsg's message and encoded together.
const producerFootprint = 100

func (x *exchange) describeProducersOf(topic string, index int32) kmsg.DescribeProducersResponseTopicPartition {
	out := kmsg.NewDescribeProducersResponseTopicPartition()
	out.Partition = index
	err := metadata.ValidateTopicName(topic)
	if err == nil {
		producers, failed := x.services().Partitions.Producers(x.ctx, topic, index)
		if err = failed; err == nil { // a client asks again, as for a partition that is to be known soon
			err = x.reservePart(fault.UnknownTopicOrPartition, len(producers)*producerFootprint)
		}
		if err != nil {
			producers = nil
		}
		for _, p := range producers {
			active := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
			active.ProducerID, active.ProducerEpoch, active.LastSequence = p.ID, int32(p.Epoch), -1
			active.LastTimestamp = p.LastTimestamp
			active.CoordinatorEpoch = p.CoordinatorEpoch
			active.CurrentTxnStartOffset = p.TxnFirstOffset
			if n := len(p.Batches); n > 0 { // the batch's timestamp, not the time of its arrival
				active.LastSequence, active.LastTimestamp = p.Batches[n-1].LastSequence, p.Batches[n-1].Timestamp
			}
			out.ActiveProducers = append(out.ActiveProducers, active)
		}
	}
	out.ErrorCode, out.ErrorMessage = x.code(err), kafkaerrors.Message(err)
	if _, ok := x.view().Topic(topic); !ok {
		out.ErrorMessage = kafkaerrors.Describe(err)
	}
	return out
}

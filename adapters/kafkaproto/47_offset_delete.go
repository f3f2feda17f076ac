package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

// OffsetDelete: v0 (KIP-496).

func (x *exchange) offsetDelete(req *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse {
	resp := kmsg.NewPtrOffsetDeleteResponse()
	img := x.view()
	var (
		asked   []group.TopicPartition
		answers []*int16
	)
	for _, t := range req.Topics {
		out := kmsg.NewOffsetDeleteResponseTopic()
		out.Topic = t.Topic
		out.Partitions = make([]kmsg.OffsetDeleteResponseTopicPartition, len(t.Partitions))
		topic, unknown := img.Resolve(t.Topic, [16]byte{}, false)
		for i, p := range t.Partitions {
			at := &out.Partitions[i]
			at.Partition = p.Partition
			if unknown != nil || !topic.Has(p.Partition) {
				at.ErrorCode = x.code(fault.UnknownTopicOrPartition)
				continue
			}
			asked = append(asked, group.TopicPartition{Topic: t.Topic, Partition: p.Partition})
			answers = append(answers, &at.ErrorCode)
		}
		if len(t.Partitions) > 0 {
			resp.Topics = append(resp.Topics, out)
		}
	}
	errs, err := x.services().Groups.DeleteOffsets(x.ctx, req.Group, asked)
	if err != nil {
		resp.ErrorCode, resp.Topics = x.code(err), nil
		return resp
	}
	for i, e := range errs {
		*answers[i] = x.code(e)
	}
	return resp
}

package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/group"
)

// OffsetDelete: v0 (KIP-496).

func (x *exchange) offsetDelete(req *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse {
	resp := kmsg.NewPtrOffsetDeleteResponse()
	img := x.services().Cluster.Image()
	var (
		asked   []group.TopicPartition
		answers []*int16
	)
	for _, t := range req.Topics {
		out := kmsg.NewOffsetDeleteResponseTopic()
		out.Topic = t.Topic
		out.Partitions = make([]kmsg.OffsetDeleteResponseTopicPartition, len(t.Partitions))
		topic, unknown := findByVersion(img, t.Topic, [16]byte{}, false)
		for i, p := range t.Partitions {
			at := &out.Partitions[i]
			at.Partition = p.Partition
			if err := existsIn(topic, p.Partition, unknown); err != nil {
				at.ErrorCode = x.code(err)
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

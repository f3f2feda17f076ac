package kafkaproto

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

// OffsetCommit: v2-10.
//
// * v2-4: a retention time chosen by the client (removed by KIP-211)
// * v6: leader epochs (KIP-320); v7: static members (KIP-345)
// * v9: member epochs (KIP-848), and GROUP_ID_NOT_FOUND for a missing group; v10: topic ids (KIP-848)

func (x *exchange) offsetCommit(req *kmsg.OffsetCommitRequest) *kmsg.OffsetCommitResponse {
	commit := group.CommitRequest{
		Group:      req.Group,
		MemberID:   req.MemberID,
		InstanceID: orEmpty(req.InstanceID),
		Generation: req.Generation,
		Retention:  -1,
	}
	if req.Version <= 4 && req.RetentionTimeMillis >= 0 {
		commit.Retention = time.Duration(req.RetentionTimeMillis) * time.Millisecond
	}
	resp := kmsg.NewPtrOffsetCommitResponse()
	img := x.view()
	var answers []*int16 // the error code of each committed offset, within the answer
	for _, t := range req.Topics {
		out := kmsg.NewOffsetCommitResponseTopic()
		out.Topic, out.TopicID = t.Topic, t.TopicID
		out.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(t.Partitions))
		topic, unknown := img.Resolve(t.Topic, t.TopicID, req.Version >= 10)
		for i, p := range t.Partitions {
			at := &out.Partitions[i]
			at.Default()
			at.Partition = p.Partition
			switch {
			case unknown != nil:
				at.ErrorCode = x.code(unknown)
				continue
			case !topic.Has(p.Partition):
				at.ErrorCode = x.code(fault.UnknownTopicOrPartition)
				continue
			}
			commit.Offsets = append(commit.Offsets, group.OffsetCommit{
				TopicPartition: group.TopicPartition{Topic: topic.Name, Partition: p.Partition},
				Offset: group.Offset{
					Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: orEmpty(p.Metadata), ExpireTime: -1, TopicID: topic.ID,
				},
			})
			answers = append(answers, &at.ErrorCode)
		}
		if len(t.Partitions) > 0 {
			resp.Topics = append(resp.Topics, out)
		}
	}
	if len(commit.Offsets) == 0 && len(req.Topics) > 0 {
		return resp
	}
	err := x.services().Groups.Commit(x.ctx, &commit)
	if errors.Is(err, fault.GroupIDNotFound) && req.Version < 9 {
		err = fault.IllegalGeneration
	}
	for i, answer := range answers {
		if err != nil {
			*answer = x.code(err)
			continue
		}
		*answer = x.code(commit.Offsets[i].Err)
	}
	return resp
}

package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// OffsetFetch: v1-10.
//
// * v2: null topics are all, and an error of the whole request; v5: leader epochs (KIP-320)
// * v7: waits for pending transactional commits (KIP-447); v8: many groups at once (KIP-709)
// * v9: member ids and epochs (KIP-848), which a classic group does not check; v10: topic ids

func (x *exchange) offsetFetch(req *kmsg.OffsetFetchRequest) *kmsg.OffsetFetchResponse {
	resp := kmsg.NewPtrOffsetFetchResponse()
	if req.Version < 8 {
		x.fetchOffsetsOfOne(req, resp)
		return resp
	}
	img := x.view()
	for _, g := range req.Groups {
		resp.Groups = append(resp.Groups, x.fetchOffsets(img, req, g))
	}
	return resp
}

// offsetFootprint is the estimated size in bytes of an offset without its metadata, as kmsg's message and encoded
// together.
const offsetFootprint = 150

// committed returns a group's offsets, of all partitions when asked is nil.
func (x *exchange) committed(
	groupID string, asked []group.TopicPartition, stable bool,
) ([]group.FetchedOffset, error) {
	offsets, err := x.services().Groups.FetchOffsets(x.ctx, groupID, asked, stable)
	if err != nil {
		return nil, err
	}
	size := 0
	for i := range offsets {
		size += offsetFootprint + len(offsets[i].Metadata)
	}
	return offsets, x.reservePart(fault.CoordinatorLoadInProgress, size)
}

// fetchOffsetsOfOne answers the versions that name one group.
func (x *exchange) fetchOffsetsOfOne(req *kmsg.OffsetFetchRequest, resp *kmsg.OffsetFetchResponse) {
	var asked []group.TopicPartition
	if req.Topics != nil || req.Version < 2 {
		asked = []group.TopicPartition{}
	}
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			asked = append(asked, group.TopicPartition{Topic: t.Topic, Partition: p})
		}
	}
	offsets, err := x.committed(req.Group, asked, req.RequireStable)
	resp.ErrorCode = x.code(err)
	if err != nil {
		if req.Version >= 2 {
			return
		}
		offsets = noOffsets(asked, err) // the answer has no other place for the error
	}
	for _, o := range offsets {
		if n := len(resp.Topics); n == 0 || resp.Topics[n-1].Topic != o.Topic {
			topic := kmsg.NewOffsetFetchResponseTopic()
			topic.Topic = o.Topic
			resp.Topics = append(resp.Topics, topic)
		}
		at := kmsg.NewOffsetFetchResponseTopicPartition()
		at.Partition = o.Partition
		at.Offset = o.Offset.Offset
		at.LeaderEpoch = o.LeaderEpoch
		at.Metadata = &o.Metadata
		at.ErrorCode = x.code(o.Err)
		topic := &resp.Topics[len(resp.Topics)-1]
		topic.Partitions = append(topic.Partitions, at)
	}
}

// fetchOffsets answers for one of several groups.
func (x *exchange) fetchOffsets(
	img *metadata.View, req *kmsg.OffsetFetchRequest, g kmsg.OffsetFetchRequestGroup,
) kmsg.OffsetFetchResponseGroup {
	byID := req.Version >= 10
	out := kmsg.NewOffsetFetchResponseGroup()
	out.Group = g.Group
	var asked []group.TopicPartition
	if g.Topics != nil {
		asked = []group.TopicPartition{}
	}
	unknown := make(map[metadata.TopicID]bool)
	for _, t := range g.Topics {
		name := t.Topic
		if byID {
			topic, ok := img.TopicByID(t.TopicID)
			if !ok {
				unknown[t.TopicID] = true
				continue
			}
			name = topic.Name
		}
		for _, p := range t.Partitions {
			asked = append(asked, group.TopicPartition{Topic: name, Partition: p})
		}
	}
	offsets, err := x.committed(g.Group, asked, req.RequireStable)
	if out.ErrorCode = x.code(err); err != nil {
		return out
	}
	for len(offsets) > 0 {
		n := 1
		for n < len(offsets) && offsets[n].Topic == offsets[0].Topic {
			n++
		}
		topic := kmsg.NewOffsetFetchResponseGroupTopic()
		topic.Topic = offsets[0].Topic
		t, known := img.Topic(topic.Topic)
		if known {
			topic.TopicID = t.ID
		}
		for _, o := range offsets[:n] {
			at := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			at.Partition = o.Partition
			at.Offset = o.Offset.Offset
			at.LeaderEpoch = o.LeaderEpoch
			at.Metadata = &o.Metadata
			at.ErrorCode = x.code(o.Err)
			topic.Partitions = append(topic.Partitions, at)
		}
		if known || !byID { // a deleted topic has no id
			out.Topics = append(out.Topics, topic)
		}
		offsets = offsets[n:]
	}
	out.Topics = append(out.Topics, x.unknownTopics(g.Topics, unknown)...)
	return out
}

// unknownTopics answers for the topics with unknown ids.
func (x *exchange) unknownTopics(
	asked []kmsg.OffsetFetchRequestGroupTopic, unknown map[metadata.TopicID]bool,
) []kmsg.OffsetFetchResponseGroupTopic {
	var out []kmsg.OffsetFetchResponseGroupTopic
	for _, t := range asked {
		if !unknown[t.TopicID] {
			continue
		}
		topic := kmsg.NewOffsetFetchResponseGroupTopic()
		topic.TopicID = t.TopicID
		for _, p := range t.Partitions {
			at := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			at.Partition = p
			at.Offset = -1
			at.LeaderEpoch = -1
			at.Metadata = new(string)
			at.ErrorCode = x.code(fault.UnknownTopicID)
			topic.Partitions = append(topic.Partitions, at)
		}
		out = append(out, topic)
	}
	return out
}

// noOffsets returns err for every partition.
func noOffsets(partitions []group.TopicPartition, err error) []group.FetchedOffset {
	out := make([]group.FetchedOffset, len(partitions))
	for i, p := range partitions {
		out[i] = group.FetchedOffset{TopicPartition: p, Offset: group.Offset{Offset: -1, LeaderEpoch: -1}, Err: err}
	}
	return out
}

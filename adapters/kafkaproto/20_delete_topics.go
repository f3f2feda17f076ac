package kafkaproto

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// DeleteTopics: v1-6.
//
// * v3: TOPIC_DELETION_DISABLED when deletion is disabled; before, INVALID_REQUEST
// * v5: error messages; v6: topics by id

func (x *exchange) deleteTopics(req *kmsg.DeleteTopicsRequest) *kmsg.DeleteTopicsResponse {
	asked := req.Topics
	for i := range req.TopicNames {
		asked = append(asked, kmsg.DeleteTopicsRequestTopic{Topic: &req.TopicNames[i]})
	}
	type key struct {
		name string
		id   metadata.TopicID
	}
	times := make(map[key]int, len(asked))
	for _, t := range asked {
		times[key{orEmpty(t.Topic), t.TopicID}]++
	}
	resp := kmsg.NewPtrDeleteTopicsResponse()
	for _, t := range asked {
		k := key{orEmpty(t.Topic), t.TopicID}
		byID := !k.id.IsZero()
		out := kmsg.NewDeleteTopicsResponseTopic()
		out.Topic, out.TopicID = t.Topic, t.TopicID
		var err error
		switch {
		case t.Topic == nil && !byID:
			err = fault.New(fault.InvalidRequest, "Neither topic name nor id were specified.")
		case t.Topic != nil && byID:
			err = fault.New(fault.InvalidRequest, "You may not specify both topic name and topic id.")
		case times[k] == 0:
			continue // a duplicate that is answered already
		case times[k] > 1 && byID:
			times[k] = 0
			err = fault.New(fault.InvalidRequest, "Duplicate topic id.")
		case times[k] > 1:
			times[k] = 0
			err = fault.New(fault.InvalidRequest, "Duplicate topic name.")
		case k.name == "" && !byID:
			err = fault.UnknownTopicOrPartition
		default:
			var deleted *metadata.Topic
			if deleted, err = x.services().Topics.Delete(x.ctx, k.name, k.id); err == nil {
				out.Topic, out.TopicID = &deleted.Name, deleted.ID
				x.changes().InfoContext(x.ctx, "topic deleted", "topic", deleted.Name, "topic_id", deleted.ID.String(),
					"partitions", len(deleted.Partitions))
			}
		}
		if errors.Is(err, fault.TopicDeletionDisabled) && req.Version < 3 {
			err = fault.New(fault.InvalidRequest, "Topic deletion is disabled.")
		}
		out.ErrorCode, out.ErrorMessage = x.code(err), kafkaerrors.Describe(err)
		if out.Topic == nil && req.Version < 6 {
			out.Topic = new(string)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/broker/topics"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// CreateTopics: v2-7.
//
// * v4: -1 for the broker's defaults (KIP-464)
// * v5: answers with partitions, replication factor and configs (KIP-525)
// * v7: answers with the topic's id

func (x *exchange) createTopics(req *kmsg.CreateTopicsRequest) *kmsg.CreateTopicsResponse {
	resp := kmsg.NewPtrCreateTopicsResponse()
	times := make(map[string]int, len(req.Topics))
	for _, t := range req.Topics {
		times[t.Topic]++
	}
	for _, t := range req.Topics {
		if times[t.Topic] == 0 {
			continue // a duplicate that is answered already
		}
		out := kmsg.NewCreateTopicsResponseTopic()
		out.Topic = t.Topic
		var err error
		if times[t.Topic] > 1 {
			times[t.Topic] = 0
			err = fault.New(fault.InvalidRequest, "Duplicate topic name.")
		} else {
			err = x.createTopic(req, &t, &out)
		}
		if out.ErrorCode, out.ErrorMessage = x.code(err), kafkaerrors.Message(err); err != nil {
			out.Configs = []kmsg.CreateTopicsResponseTopicConfig{} // an empty list; null would mean that they are unknown
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (x *exchange) createTopic(
	req *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic, out *kmsg.CreateTopicsResponseTopic,
) error {
	wanted := topics.NewTopic{
		Name:              t.Topic,
		Partitions:        t.NumPartitions,
		ReplicationFactor: t.ReplicationFactor,
		ValidateOnly:      req.ValidateOnly,
	}
	if len(t.ReplicaAssignment) > 0 {
		wanted.Assignments = make(map[int32][]int32, len(t.ReplicaAssignment))
		for _, a := range t.ReplicaAssignment {
			wanted.Assignments[a.Partition] = a.Replicas
		}
		if len(wanted.Assignments) < len(t.ReplicaAssignment) {
			return fault.New(fault.InvalidReplicaAssignment, "Found multiple assignments for one partition.")
		}
	}
	if len(t.Configs) > 0 {
		wanted.Configs = make(map[string]*string, len(t.Configs))
		for _, c := range t.Configs {
			wanted.Configs[c.Name] = c.Value
		}
	}
	topic, err := x.services().Topics.Create(x.ctx, wanted)
	if err != nil {
		return err
	}
	if !req.ValidateOnly {
		x.changes().InfoContext(x.ctx, "topic created", "topic", topic.Name, "topic_id", topic.ID.String(),
			"partitions", len(topic.Partitions))
	}
	out.TopicID = topic.ID
	out.NumPartitions = int32(len(topic.Partitions))
	if len(topic.Partitions) > 0 {
		out.ReplicationFactor = int16(len(topic.Partitions[0].Replicas))
	}
	if req.Version < 5 {
		return nil
	}
	for _, e := range x.services().Configs.DescribeTopic(topic) {
		c := kmsg.NewCreateTopicsResponseTopicConfig()
		c.Name = e.Name
		c.Value = e.Value
		c.ReadOnly = e.ReadOnly
		c.Source = e.Source
		c.IsSensitive = e.Sensitive
		out.Configs = append(out.Configs, c)
	}
	return nil
}

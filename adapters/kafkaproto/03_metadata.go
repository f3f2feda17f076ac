package kafkaproto

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Metadata: v0-13.
//
// * v1: null topics are all, none are none; before, none were all
// * v4: the client says whether missing topics may be created; before, they may
// * v8: authorized operations (KIP-430); those of the cluster until v10
// * v10: topic ids in answers (KIP-516); from v12 on in requests, too
// * v13: an error of the whole request (KIP-1102)

// Estimated sizes in bytes of the parts of an answer, as kmsg's message and encoded together.
const (
	topicFootprint     = 200
	partitionFootprint = 150
)

func (x *exchange) metadata(req *kmsg.MetadataRequest) *kmsg.MetadataResponse {
	x.awaitUnfenced()
	img := x.view()
	resp := x.describeBrokers(img)
	if req.IncludeClusterAuthorizedOperations && req.Version <= 10 {
		resp.AuthorizedOperations = clusterOperations()
	}

	switch {
	case req.Topics == nil && req.Version > 0, len(req.Topics) == 0 && req.Version == 0:
		if err := x.reserveFor(img.Image); err != nil {
			return x.refuseMetadata(req, resp, err)
		}
		for t := range img.ListedTopics("") {
			resp.Topics = append(resp.Topics, x.describeTopic(img, t, req))
		}
	default:
		if err := checkTopics(req); err != nil {
			return x.refuseMetadata(req, resp, err)
		}
		if err := x.describeTopics(img, req, resp); err != nil {
			return x.refuseMetadata(req, resp, err)
		}
	}
	return resp
}

// describeBrokers returns an answer without topics.
func (x *exchange) describeBrokers(img *metadata.View) *kmsg.MetadataResponse {
	resp := kmsg.NewPtrMetadataResponse()
	for _, b := range x.brokers() {
		broker := kmsg.NewMetadataResponseBroker()
		broker.NodeID, broker.Host, broker.Port, broker.Rack = b.node, b.host, b.port, b.rack
		resp.Brokers = append(resp.Brokers, broker)
	}
	resp.ClusterID = nilIfEmpty(img.ClusterID())
	resp.ControllerID = x.services().Metadata.Leadership().NodeID
	return resp
}

// reserveFor reserves the memory for an answer about every topic.
func (x *exchange) reserveFor(img *metadata.Image) error {
	topics, partitions := img.Counts()
	return x.reserve(topics*topicFootprint + partitions*partitionFootprint)
}

// checkTopics refuses topic ids in versions that do not have them, and topics without id and name.
func checkTopics(req *kmsg.MetadataRequest) error {
	for _, t := range req.Topics {
		switch {
		case t.Topic == nil && t.TopicID == [16]byte{} && req.Version >= 12:
			return fault.New(fault.InvalidRequest, "neither topic name nor id were given")
		case req.Version >= 12:
		case t.Topic == nil:
			return fault.New(fault.InvalidRequest, "Topic name can not be null for version %d", req.Version)
		case t.TopicID != [16]byte{}:
			return fault.New(fault.InvalidRequest, "Topic IDs are not supported in requests for version %d", req.Version)
		}
	}
	return nil
}

// describeTopics answers for the requested topics: by their ids if there are any, otherwise by name. The error is that
// of the wait for memory.
func (x *exchange) describeTopics(
	img *metadata.View, req *kmsg.MetadataRequest, resp *kmsg.MetadataResponse,
) error {
	byID := false
	for _, t := range req.Topics {
		byID = byID || t.TopicID != [16]byte{}
	}
	seen := make(map[string]bool, len(req.Topics))
	var missing []kmsg.MetadataResponseTopic
	for _, asked := range req.Topics {
		key := orEmpty(asked.Topic)
		if byID {
			key = string(asked.TopicID[:])
		}
		if seen[key] || byID && asked.TopicID == [16]byte{} {
			continue
		}
		seen[key] = true
		t, ok := img.Topic(key)
		if byID {
			t, ok = img.TopicByID(asked.TopicID)
		}
		switch {
		case ok:
			if err := x.grow(topicFootprint + len(t.Partitions)*partitionFootprint); err != nil {
				return err
			}
			resp.Topics = append(resp.Topics, x.describeTopic(img, t, req))
		case byID:
			unknown := kmsg.NewMetadataResponseTopic()
			unknown.ErrorCode, unknown.TopicID = x.code(fault.UnknownTopicID), asked.TopicID
			missing = append(missing, unknown)
		default:
			missing = append(missing, x.makeTopic(key, req))
		}
	}
	// Kafka's order: unknown ids first, missing names last.
	if byID {
		resp.Topics = append(missing, resp.Topics...)
		return nil
	}
	resp.Topics = append(resp.Topics, missing...)
	return nil
}

// makeTopic creates a missing topic if that is allowed, and describes it.
func (x *exchange) makeTopic(name string, req *kmsg.MetadataRequest) kmsg.MetadataResponseTopic {
	var err error
	if req.Version < 4 || req.AllowAutoTopicCreation {
		var t *metadata.Topic
		var created bool
		if t, created, err = x.services().Topics.AutoCreate(x.ctx, name); err == nil {
			if created {
				x.changes().InfoContext(x.ctx, "topic created", "topic", t.Name, "topic_id", t.ID.String(),
					"partitions", len(t.Partitions), "automatically", true)
			}
			return x.describeTopic(x.view(), t, req)
		}
	} else if err = metadata.ValidateTopicName(name); err == nil {
		err = fault.UnknownTopicOrPartition
	}
	missing := kmsg.NewMetadataResponseTopic()
	missing.ErrorCode, missing.Topic, missing.IsInternal = x.code(err), &name, metadata.IsInternal(name)
	if req.IncludeTopicAuthorizedOperations {
		missing.AuthorizedOperations = topicOperations()
	}
	return missing
}

func (x *exchange) describeTopic(
	img *metadata.View, t *metadata.Topic, req *kmsg.MetadataRequest,
) kmsg.MetadataResponseTopic {
	out := kmsg.NewMetadataResponseTopic()
	out.Topic, out.TopicID, out.IsInternal = &t.Name, t.ID, metadata.IsInternal(t.Name)
	if req.IncludeTopicAuthorizedOperations {
		out.AuthorizedOperations = topicOperations()
	}
	out.Partitions = make([]kmsg.MetadataResponseTopicPartition, len(t.Partitions))
	for i := range t.Partitions {
		p := &t.Partitions[i]
		at := &out.Partitions[i]
		at.Default()
		leader, err := img.Leader(p)
		if errors.Is(err, fault.ListenerNotFound) && req.Version < 6 {
			err = fault.LeaderNotAvailable
		}
		at.ErrorCode = x.code(err)
		at.Partition = int32(i)
		at.Leader = leader
		at.LeaderEpoch = p.LeaderEpoch
		at.Replicas = p.Replicas
		at.ISR = p.ISR
		at.OfflineReplicas = img.Offline(p.Replicas)
	}
	return out
}

// refuseMetadata answers every topic with err, as Kafka does when the request as a whole is wrong.
func (x *exchange) refuseMetadata(
	req *kmsg.MetadataRequest, resp *kmsg.MetadataResponse, err error,
) *kmsg.MetadataResponse {
	code := x.code(err)
	resp.ErrorCode, resp.Brokers, resp.ControllerID = code, nil, -1
	for _, asked := range req.Topics {
		out := kmsg.NewMetadataResponseTopic()
		name := orEmpty(asked.Topic)
		out.ErrorCode, out.Topic, out.TopicID = code, &name, asked.TopicID
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

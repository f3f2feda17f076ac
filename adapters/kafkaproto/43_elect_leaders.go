package kafkaproto

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// ElectLeaders: v0-2 (KIP-183, KIP-460). No topics (null) are all of them.
//
// * v1: the type of election, preferred before; an error of the whole request

// The types of elections.
const (
	preferredElection = 0
	uncleanElection   = 1
)

func (x *exchange) electLeaders(req *kmsg.ElectLeadersRequest) *kmsg.ElectLeadersResponse {
	resp := kmsg.NewPtrElectLeadersResponse()
	var elections []controller.Election
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			elections = append(elections, controller.Election{Topic: t.Topic, Partition: p})
		}
	}
	ctx, stop := x.waiting(true)
	defer stop()
	unclean := req.ElectionType == uncleanElection
	switch {
	case !unclean && req.ElectionType != preferredElection:
		err := fault.New(fault.InvalidRequest, "Unknown election type %d", req.ElectionType)
		resp.ErrorCode = x.code(err)
		for i := range elections {
			elections[i].Err = err
		}
	case req.Topics == nil:
		elections = x.services().Assignments.ElectAll(ctx, unclean)
		for t := range x.view().ListedTopics("") { // Kafka lists all topics, even those without a result
			out := kmsg.NewElectLeadersResponseTopic()
			out.Topic = t.Name
			for len(elections) > 0 && elections[0].Topic == t.Name {
				out.Partitions = append(out.Partitions, x.elected(&elections[0]))
				elections = elections[1:]
			}
			resp.Topics = append(resp.Topics, out)
		}
		return resp
	default:
		x.services().Assignments.Elect(ctx, elections, unclean)
		x.electSelf(ctx, elections, unclean)
	}
	for _, t := range req.Topics {
		out := kmsg.NewElectLeadersResponseTopic()
		out.Topic = t.Topic
		for range t.Partitions {
			out.Partitions = append(out.Partitions, x.elected(&elections[0]))
			elections = elections[1:]
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// electSelf makes this broker the leader of the metadata if the request says so.
func (x *exchange) electSelf(ctx context.Context, elections []controller.Election, unclean bool) {
	voters := x.services().Voters
	if voters == nil || unclean {
		return
	}
	for i := range elections {
		if e := &elections[i]; e.Topic == quorumTopic && e.Partition == 0 {
			e.Err = voters.Lead(ctx)
		}
	}
}

func (x *exchange) elected(e *controller.Election) kmsg.ElectLeadersResponseTopicPartition {
	out := kmsg.NewElectLeadersResponseTopicPartition()
	out.Partition, out.ErrorCode, out.ErrorMessage = e.Partition, x.code(e.Err), kafkaerrors.Describe(e.Err)
	return out
}

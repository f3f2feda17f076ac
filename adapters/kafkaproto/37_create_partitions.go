package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// CreatePartitions: v0-3.

func (x *exchange) createPartitions(req *kmsg.CreatePartitionsRequest) *kmsg.CreatePartitionsResponse {
	resp := kmsg.NewPtrCreatePartitionsResponse()
	times := make(map[string]int, len(req.Topics))
	for _, t := range req.Topics {
		times[t.Topic]++
	}
	for _, t := range req.Topics {
		var err error
		switch times[t.Topic] {
		case 0:
			continue // a duplicate that is answered already
		case 1:
			var assignments [][]int32
			if t.Assignment != nil {
				assignments = make([][]int32, len(t.Assignment))
				for i, a := range t.Assignment {
					assignments[i] = a.Replicas
				}
			}
			err = x.services().Topics.CreatePartitions(x.ctx, t.Topic, t.Count, assignments, req.ValidateOnly)
		default:
			times[t.Topic] = 0
			err = fault.New(fault.InvalidRequest, "Duplicate topic name.")
		}
		if err == nil && !req.ValidateOnly {
			x.changes().InfoContext(x.ctx, "partitions created", "topic", t.Topic, "partitions", t.Count)
		}
		out := kmsg.NewCreatePartitionsResponseTopic()
		out.Topic, out.ErrorCode, out.ErrorMessage = t.Topic, x.code(err), kafkaerrors.Message(err)
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

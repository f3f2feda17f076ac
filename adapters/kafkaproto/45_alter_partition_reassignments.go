package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
)

// AlterPartitionReassignments: v0-1 (KIP-455), which kmsg calls AlterPartitionAssignments. No replicas (null) cancel a
// reassignment.
//
// * v1: whether the number of replicas may change (KIP-860); before, it always may

func (x *exchange) alterPartitionReassignments(
	req *kmsg.AlterPartitionAssignmentsRequest,
) *kmsg.AlterPartitionAssignmentsResponse {
	var reassignments []controller.Reassignment
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			reassignments = append(reassignments,
				controller.Reassignment{Topic: t.Topic, Partition: p.Partition, Replicas: p.Replicas})
		}
	}
	ctx, stop := x.waiting(true)
	defer stop()
	x.services().Assignments.Reassign(ctx, reassignments, req.Version >= 1 && !req.AllowReplicationFactorChange)
	resp := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	resp.AllowReplicationFactorChange = req.AllowReplicationFactorChange
	if len(req.Topics) == 0 {
		resp.ErrorMessage = new(string) // as Kafka answers
	}
	for _, t := range req.Topics {
		out := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		out.Topic = t.Topic
		for range t.Partitions {
			r := &reassignments[0]
			reassignments = reassignments[1:]
			at := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			at.Partition, at.ErrorCode, at.ErrorMessage = r.Partition, x.code(r.Err), kafkaerrors.Message(r.Err)
			out.Partitions = append(out.Partitions, at)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

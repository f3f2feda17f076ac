package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// ListPartitionReassignments: v0 (KIP-455). No topics (null) are all of them. kafka-topics --describe sends it.

func (x *exchange) listPartitionReassignments(
	req *kmsg.ListPartitionReassignmentsRequest,
) *kmsg.ListPartitionReassignmentsResponse {
	resp := kmsg.NewPtrListPartitionReassignmentsResponse()
	img := x.view()
	if req.Topics == nil {
		for t := range img.Topics() {
			var all []int32
			for n := range t.Partitions {
				all = append(all, int32(n))
			}
			listReassigning(resp, t, all)
		}
		return resp
	}
	for _, asked := range req.Topics {
		if t, ok := img.Topic(asked.Topic); ok {
			listReassigning(resp, t, asked.Partitions)
		}
	}
	return resp
}

// listReassigning adds those of a topic's partitions that are being reassigned.
func listReassigning(resp *kmsg.ListPartitionReassignmentsResponse, t *metadata.Topic, partitions []int32) {
	out := kmsg.NewListPartitionReassignmentsResponseTopic()
	out.Topic = t.Name
	for _, n := range partitions {
		if !t.Has(n) || !t.Partitions[n].Reassigning() {
			continue
		}
		p := &t.Partitions[n]
		at := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
		at.Partition = n
		at.Replicas = p.Replicas
		at.AddingReplicas = p.Adding
		at.RemovingReplicas = p.Removing
		out.Partitions = append(out.Partitions, at)
	}
	if len(out.Partitions) > 0 {
		resp.Topics = append(resp.Topics, out)
	}
}

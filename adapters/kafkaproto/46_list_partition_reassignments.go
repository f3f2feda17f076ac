package kafkaproto

import "github.com/twmb/franz-go/pkg/kmsg"

// ListPartitionReassignments: v0 (KIP-455). kafka-topics --describe asks for it.

// listPartitionReassignments answers that none is under way: partitions stay where they were made.
func (x *exchange) listPartitionReassignments(*kmsg.ListPartitionReassignmentsRequest) *kmsg.ListPartitionReassignmentsResponse {
	return kmsg.NewPtrListPartitionReassignmentsResponse()
}

package differential

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func electLeaders(kind int8, topics ...kmsg.ElectLeadersRequestTopic) builder {
	return ask(kmsg.NewPtrElectLeadersRequest, func(_ *world, r *kmsg.ElectLeadersRequest) {
		r.ElectionType, r.TimeoutMillis, r.Topics = kind, 10_000, topics
	})
}

func electIn(topic string, partitions ...int32) kmsg.ElectLeadersRequestTopic {
	return kmsg.ElectLeadersRequestTopic{Topic: topic, Partitions: partitions}
}

func reassign(topic string, partition int32, replicas []int32,
	edit ...func(*kmsg.AlterPartitionAssignmentsRequest),
) builder {
	return ask(kmsg.NewPtrAlterPartitionAssignmentsRequest, func(_ *world, r *kmsg.AlterPartitionAssignmentsRequest) {
		r.TimeoutMillis = 10_000
		p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		p.Partition, p.Replicas = partition, replicas
		t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
		t.Topic, t.Partitions = topic, append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		for _, e := range edit {
			e(r)
		}
	})
}

func keepFactor(r *kmsg.AlterPartitionAssignmentsRequest) { r.AllowReplicationFactorChange = false }

func reassignments(topics ...kmsg.ListPartitionReassignmentsRequestTopic) builder {
	return ask(kmsg.NewPtrListPartitionReassignmentsRequest, func(_ *world, r *kmsg.ListPartitionReassignmentsRequest) {
		r.TimeoutMillis, r.Topics = 10_000, topics
	})
}

func quorum(topic string, partitions ...int32) builder {
	return ask(kmsg.NewPtrDescribeQuorumRequest, func(_ *world, r *kmsg.DescribeQuorumRequest) {
		t := kmsg.NewDescribeQuorumRequestTopic()
		t.Topic = topic
		for _, p := range partitions {
			t.Partitions = append(t.Partitions, kmsg.DescribeQuorumRequestTopicPartition{Partition: p})
		}
		r.Topics = append(r.Topics, t)
	})
}

var assignmentSteps = slices.Concat(made("moved", 2), []step{
	on("elect the preferred leader", 0, 2, electLeaders(0, electIn("moved", 0, 1))),
	on("elect any leader", 1, 2, electLeaders(1, electIn("moved", 0))),
	on("elect in an unknown topic", 0, 2, electLeaders(0, electIn("nowhere", 0))),
	on("elect in an unknown partition", 0, 2, electLeaders(0, electIn("moved", 9, -1))),
	on("elect a partition twice", 0, 2, electLeaders(0, electIn("moved", 0, 0), electIn("moved", 0))),
	on("elect nowhere", 0, 2, electLeaders(0, []kmsg.ElectLeadersRequestTopic{}...)),
	on("elect in no partition", 0, 2, electLeaders(0, electIn("moved"))),
	on("elect in an unknown way", 1, 2, electLeaders(7, electIn("moved", 0))),

	on("move to where it is", 0, 1, reassign("moved", 0, []int32{1})),
	on("move to where it is and to nobody else", 0, 1, reassign("moved", 0, []int32{1}, keepFactor)),
	on("move to an unknown broker", 0, 1, reassign("moved", 0, []int32{9})),
	on("move to two brokers", 0, 1, reassign("moved", 0, []int32{1, 9}, keepFactor)),
	on("move to a broker twice", 0, 1, reassign("moved", 0, []int32{1, 1})),
	on("move to a broker twice, keeping the factor", 0, 1, reassign("moved", 0, []int32{1, 1}, keepFactor)),
	on("move to nobody", 0, 1, reassign("moved", 0, []int32{})),
	on("move to a negative broker", 0, 1, reassign("moved", 0, []int32{-1})),
	on("cancel what is not under way", 0, 1, reassign("moved", 0, nil)),
	on("move an unknown topic", 0, 1, reassign("nowhere", 0, []int32{1})),
	on("move an unknown partition", 0, 1, reassign("moved", 9, []int32{1})),
	on("move a negative partition", 0, 1, reassign("moved", -1, []int32{1})),
	on("move nothing", 0, 1, ask(kmsg.NewPtrAlterPartitionAssignmentsRequest,
		func(_ *world, r *kmsg.AlterPartitionAssignmentsRequest) {})),

	on("what moves", 0, 0, reassignments()),
	on("what moves of a topic", 0, 0, reassignments(kmsg.ListPartitionReassignmentsRequestTopic{
		Topic:      "moved",
		Partitions: []int32{0, 9},
	})),
	on("what moves of an unknown topic", 0, 0, reassignments(kmsg.ListPartitionReassignmentsRequestTopic{
		Topic:      "nowhere",
		Partitions: []int32{0},
	})),
	on("what moves of nothing", 0, 0, reassignments([]kmsg.ListPartitionReassignmentsRequestTopic{}...)),

	on("forget an unknown broker", 0, 0, ask(kmsg.NewPtrUnregisterBrokerRequest,
		func(_ *world, r *kmsg.UnregisterBrokerRequest) {
			r.BrokerID = 9
		})),
	on("forget a negative broker", 0, 0, ask(kmsg.NewPtrUnregisterBrokerRequest,
		func(_ *world, r *kmsg.UnregisterBrokerRequest) {
			r.BrokerID = -1
		})),

	on("the quorum", 0, 2, quorum("__cluster_metadata", 0)),
	on("the quorum of another topic", 0, 2, quorum("moved", 0)),
	on("the quorum of another partition", 0, 2, quorum("__cluster_metadata", 1)),
	on("the quorum of two partitions", 0, 2, quorum("__cluster_metadata", 0, 1)),
	on("the quorum of nothing", 0, 2, ask(kmsg.NewPtrDescribeQuorumRequest, func(*world, *kmsg.DescribeQuorumRequest) {})),
})

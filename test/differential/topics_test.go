package differential

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// createEach creates a topic whose name has the version.
func createEach(name string, edit ...func(*kmsg.CreateTopicsRequest, *kmsg.CreateTopicsRequestTopic)) builder {
	return func(w *world, v int16) kmsg.Request {
		return createTopic(fmt.Sprintf("%s%d", name, v), 2, edit...)(w, v)
	}
}

// assigned puts partition i on the i-th of the lists of brokers.
func assigned(replicas ...[]int32) func(*kmsg.CreateTopicsRequest, *kmsg.CreateTopicsRequestTopic) {
	return func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
		t.NumPartitions, t.ReplicationFactor = -1, -1
		for i, r := range replicas {
			t.ReplicaAssignment = append(t.ReplicaAssignment,
				kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: r})
		}
	}
}

func validateOnly(r *kmsg.CreateTopicsRequest, _ *kmsg.CreateTopicsRequestTopic) {
	r.ValidateOnly = true
}

func factor(n int16) func(*kmsg.CreateTopicsRequest, *kmsg.CreateTopicsRequestTopic) {
	return func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) { t.ReplicationFactor = n }
}

func gap(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
	t.ReplicaAssignment[0].Partition = 1
}

func twice(r *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
	r.Topics = append(r.Topics, *t)
}

func nullConfig(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
	t.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms"}}
}

func createPartitions(topic string, count func(version int16) int32, edit ...func(*kmsg.CreatePartitionsRequest,
	*kmsg.CreatePartitionsRequestTopic),
) builder {
	return ask(kmsg.NewPtrCreatePartitionsRequest, func(_ *world, r *kmsg.CreatePartitionsRequest) {
		r.TimeoutMillis = 10_000
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = topic, count(r.Version)
		for _, e := range edit {
			e(r, &t)
		}
		r.Topics = append(r.Topics, t)
	})
}

func always(n int32) func(int16) int32 { return func(int16) int32 { return n } }

func partitionsOn(brokers ...int32) func(*kmsg.CreatePartitionsRequest, *kmsg.CreatePartitionsRequestTopic) {
	return func(_ *kmsg.CreatePartitionsRequest, t *kmsg.CreatePartitionsRequestTopic) {
		t.Assignment = []kmsg.CreatePartitionsRequestTopicAssignment{{Replicas: brokers}}
	}
}

func deleteTopics(names ...string) builder {
	return ask(kmsg.NewPtrDeleteTopicsRequest, func(_ *world, r *kmsg.DeleteTopicsRequest) {
		r.TimeoutMillis, r.TopicNames = 10_000, names
		for _, name := range names {
			t := kmsg.NewDeleteTopicsRequestTopic()
			t.Topic = &name
			r.Topics = append(r.Topics, t)
		}
	})
}

// deleteBy deletes one topic, named by fill.
func deleteBy(fill func(w *world, t *kmsg.DeleteTopicsRequestTopic)) builder {
	return ask(kmsg.NewPtrDeleteTopicsRequest, func(w *world, r *kmsg.DeleteTopicsRequest) {
		r.TimeoutMillis = 10_000
		t := kmsg.NewDeleteTopicsRequestTopic()
		fill(w, &t)
		r.Topics = append(r.Topics, t)
	})
}

var topicSteps = slices.Concat([]step{
	on("all topics of none", 0, 13, everyTopic),
	on("all logs of none", 1, 5, logDirsOfAll),
	on("create", 2, 7, createEach("made")),
	on("create again", 2, 7, createEach("made")),
	on("create an invalid name", 2, 7, createTopic("a/b", 1)),
	on("create an empty name", 7, 7, createTopic("", 1)),
	on("create a dot", 7, 7, createTopic(".", 1)),
	on("create two dots", 7, 7, createTopic("..", 1)),
	on("create the longest name", 7, 7, createTopic(strings.Repeat("x", 249), 1)),
	on("create too long a name", 7, 7, createTopic(strings.Repeat("x", 250), 1)),
	on("create with a dot", 7, 7, createTopic("col.lide", 1)),
	on("create a colliding name", 7, 7, createTopic("col_lide", 1)),
	on("create an internal topic", 7, 7, createTopic("__consumer_offsets", 1, validateOnly)),
	on("create no partitions", 2, 7, createTopic("zero", 0)),
	on("create -2 partitions", 7, 7, createTopic("zero", -2)),
	on("create with factor 2", 2, 7, createTopic("two", 1, factor(2))),
	on("create with factor 0", 7, 7, createTopic("nil", 1, factor(0))),
	on("create with factor -2", 7, 7, createTopic("nil", 1, factor(-2))),
	on("create with defaults", 4, 7, createEach("default", assigned())),
	on("create with defaults before they were", 2, 3, createEach("default", assigned())),
	on("validate only", 2, 7, createTopic("valid", 2, validateOnly)),
	on("validate only what exists", 7, 7, createTopic("made7", 2, validateOnly)),
	on("create with an unknown config", 2, 7, createTopic("conf", 1, withConfigs("no.such.config", "1"))),
	on("create with a bad config value", 7, 7, createTopic("conf", 1, withConfigs("retention.ms", "soon"))),
	on("create with a config out of range", 7, 7, createTopic("conf", 1, withConfigs("segment.bytes", "1"))),
	on("create with an unknown codec", 7, 7, createTopic("conf", 1, withConfigs("compression.type", "lzma"))),
	on("create with a bad boolean", 7, 7, createTopic("conf", 1, withConfigs("preallocate", "maybe"))),
	on("create with a null config", 7, 7, createTopic("conf", 1, nullConfig)),
	on("create with configs", 5, 7, createEach("configured", withConfigs("retention.ms", "60000", "cleanup.policy",
		"compact,delete"))),
	on("create with an assignment and a count", 7, 7, createTopic("assigned", 1,
		func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: []int32{1}}}
		})),
	on("create with an assignment", 2, 7, createEach("assigned", assigned([]int32{1}))),
	on("create with an assignment of two partitions", 7, 7, createTopic("pair", 1, assigned([]int32{1}, []int32{1}))),
	on("create with an assignment that has a gap", 7, 7, createTopic("gap", 1, assigned([]int32{1}), gap)),
	on("create with an assignment to nobody", 7, 7, createTopic("far", 1, assigned([]int32{}))),
	on("create with an assignment to an unknown broker", 7, 7, createTopic("far", 1, assigned([]int32{99}))),
	on("create with an assignment to one broker twice", 7, 7, createTopic("far", 1, assigned([]int32{1, 1}))),
	on("create with uneven assignments", 7, 7, createTopic("far", 1, assigned([]int32{1}, []int32{1, 1}))),
	on("create one topic twice", 2, 7, createTopic("twins", 1, twice)),
	on("create nothing", 2, 7, ask(kmsg.NewPtrCreateTopicsRequest, func(_ *world, r *kmsg.CreateTopicsRequest) {
		r.TimeoutMillis = 10_000
	})),
	on("wait for the topics", 12, 12, metadataOf(false, "made2", "pair", "default7")).until(func(resp kmsg.Response) bool {
		return !slices.ContainsFunc(resp.(*kmsg.MetadataResponse).Topics, func(t kmsg.MetadataResponseTopic) bool {
			return t.ErrorCode != 0
		})
	}),
	on("grow", 0, 3, createPartitions("made7", func(v int16) int32 { return int32(v) + 3 })),
	on("grow only to validate", 0, 3, createPartitions("made7", always(60),
		func(r *kmsg.CreatePartitionsRequest, _ *kmsg.CreatePartitionsRequestTopic) {
			r.ValidateOnly = true
		})),
	on("shrink", 0, 3, createPartitions("made7", always(1))),
	on("grow to the same", 0, 3, createPartitions("made7", always(6))),
	on("grow to nothing", 3, 3, createPartitions("made7", always(0))),
	on("grow an unknown topic", 0, 3, createPartitions("nowhere", always(6))),
	on("grow with an assignment", 3, 3, createPartitions("made7", always(7), partitionsOn(1))),
	on("grow with too many assignments", 3, 3, createPartitions("made7", always(7), partitionsOn(1),
		func(_ *kmsg.CreatePartitionsRequest, t *kmsg.CreatePartitionsRequestTopic) {
			t.Count, t.Assignment = 8, append(t.Assignment, t.Assignment[0], t.Assignment[0])
		})),
	on("grow on an unknown broker", 3, 3, createPartitions("made7", always(8), partitionsOn(99))),
	on("grow with two copies", 3, 3, createPartitions("made7", always(8), partitionsOn(1, 1))),
	on("grow one topic twice", 3, 3, createPartitions("made7", always(9),
		func(r *kmsg.CreatePartitionsRequest, t *kmsg.CreatePartitionsRequestTopic) {
			r.Topics = append(r.Topics, *t)
		})),
	on("reassignments", 0, 0, ask(kmsg.NewPtrListPartitionReassignmentsRequest,
		func(_ *world, r *kmsg.ListPartitionReassignmentsRequest) {
			r.TimeoutMillis = 1000
		})),
	on("reassignments of a topic", 0, 0, ask(kmsg.NewPtrListPartitionReassignmentsRequest,
		func(_ *world, r *kmsg.ListPartitionReassignmentsRequest) {
			r.TimeoutMillis = 1000
			r.Topics = []kmsg.ListPartitionReassignmentsRequestTopic{
				{Topic: "made7", Partitions: []int32{0}},
				{Topic: "nowhere", Partitions: []int32{0}},
			}
		})),
}, deleteSteps)

var deleteSteps = []step{
	on("delete", 1, 6, func(w *world, v int16) kmsg.Request {
		return deleteTopics(fmt.Sprintf("made%d", max(v, 2)))(w, v)
	}),
	on("delete an unknown topic", 1, 6, deleteTopics("nowhere")),
	on("delete an invalid name", 1, 6, deleteTopics("a/b")),
	on("delete an empty name", 1, 6, deleteTopics("")),
	on("delete one topic twice", 1, 6, deleteTopics("pair", "pair")),
	on("delete nothing", 1, 6, deleteTopics()),
	on("delete by id", 6, 6, deleteBy(func(w *world, t *kmsg.DeleteTopicsRequestTopic) { t.TopicID = w.idOf("pair") })),
	on("delete by unknown id", 6, 6, deleteBy(func(_ *world, t *kmsg.DeleteTopicsRequestTopic) { t.TopicID = noTopic })),
	on("delete without name", 6, 6, deleteBy(func(*world, *kmsg.DeleteTopicsRequestTopic) {})),
	on("delete by name and id", 6, 6, deleteBy(func(w *world, t *kmsg.DeleteTopicsRequestTopic) {
		t.Topic, t.TopicID = kmsg.StringPtr("made7"), w.idOf("made7")
	})),
}

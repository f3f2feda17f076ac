package differential

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// allOperations requests the operations that the client may do.
func allOperations(request builder) builder {
	return func(w *world, v int16) kmsg.Request {
		r := request(w, v).(*kmsg.MetadataRequest)
		r.IncludeTopicAuthorizedOperations, r.IncludeClusterAuthorizedOperations = true, true
		return r
	}
}

// metadataBy requests one topic, named by fill.
func metadataBy(fill func(w *world, t *kmsg.MetadataRequestTopic)) builder {
	return ask(kmsg.NewPtrMetadataRequest, func(w *world, r *kmsg.MetadataRequest) {
		t := kmsg.NewMetadataRequestTopic()
		fill(w, &t)
		r.Topics = append(r.Topics, t)
	})
}

func describePartitions(limit int32, cursor *kmsg.DescribeTopicPartitionsRequestCursor, names ...string) builder {
	return ask(kmsg.NewPtrDescribeTopicPartitionsRequest, func(_ *world, r *kmsg.DescribeTopicPartitionsRequest) {
		r.ResponsePartitionLimit, r.Cursor = limit, cursor
		for _, name := range names {
			r.Topics = append(r.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
		}
	})
}

func cursorAt(topic string, partition int32) *kmsg.DescribeTopicPartitionsRequestCursor {
	return &kmsg.DescribeTopicPartitionsRequestCursor{Topic: topic, Partition: partition}
}

// everyTopic requests all topics, which the versions encode differently.
func everyTopic(w *world, v int16) kmsg.Request {
	r := metadataOf(false)(w, v).(*kmsg.MetadataRequest)
	if v > 0 {
		r.Topics = nil
	}
	return r
}

// autoCreate requests a missing topic whose name has the version.
func autoCreate(w *world, v int16) kmsg.Request {
	return metadataOf(true, fmt.Sprintf("auto%d", v))(w, v)
}

var metadataSteps = slices.Concat(made("meta", 3), made("meta-b", 2), made("meta-c", 1), []step{
	on("one topic", 0, 13, metadataOf(false, "meta")),
	on("two topics and operations", 0, 13, allOperations(metadataOf(false, "meta-b", "meta"))),
	on("a topic twice", 0, 13, metadataOf(false, "meta", "meta")),
	on("no topics", 1, 13, metadataOf(false)),
	on("no topics and operations", 1, 13, allOperations(metadataOf(false))),
	on("an unknown topic", 4, 13, allOperations(metadataOf(false, "nowhere"))),
	on("a known and an unknown topic", 4, 13, metadataOf(false, "nowhere", "meta")),
	on("an invalid name", 0, 13, metadataOf(false, "bad/name")),
	on("an empty name", 0, 13, metadataOf(false, "")),
	on("auto-create an invalid name", 4, 13, metadataOf(true, "bad/name")),
	on("all topics", 0, 13, everyTopic),
	on("all topics and operations", 0, 13, allOperations(everyTopic)),
	on("a page of all topics", 0, 0, describePartitions(2000, nil)),
	on("a page of all topics from one on", 0, 0, describePartitions(3, cursorAt("assigned2", 0))),
	on("a later page of all topics", 0, 0, describePartitions(3, cursorAt("default6", 1))),
	on("all configs that there are", 1, 1, listResources()),
	on("auto-create at once", 0, 13, autoCreate),
	on("auto-create in the end", 0, 13, autoCreate).until(func(resp kmsg.Response) bool {
		t := resp.(*kmsg.MetadataResponse).Topics[0]
		return t.ErrorCode == 0 && len(t.Partitions) > 0 && t.Partitions[0].ErrorCode == 0
	}),
	on("by id", 10, 13, metadataBy(func(w *world, t *kmsg.MetadataRequestTopic) { t.TopicID = w.idOf("meta") })),
	on("by unknown id", 12, 13, metadataBy(func(_ *world, t *kmsg.MetadataRequestTopic) { t.TopicID = noTopic })),
	on("by id and name", 12, 13, metadataBy(func(w *world, t *kmsg.MetadataRequestTopic) {
		t.Topic, t.TopicID = kmsg.StringPtr("meta-b"), w.idOf("meta")
	})),
	on("by a null name", 10, 13, metadataBy(func(*world, *kmsg.MetadataRequestTopic) {})),
	on("a page of partitions", 0, 0, describePartitions(2000, nil, "meta", "meta-b", "nowhere", "bad/name")),
	on("the first page", 0, 0, describePartitions(2, nil, "meta-b", "meta", "meta-c")),
	on("the second page", 0, 0, describePartitions(2, cursorAt("meta", 2), "meta-b", "meta", "meta-c")),
	on("the third page", 0, 0, describePartitions(2, cursorAt("meta-b", 1), "meta-b", "meta", "meta-c")),
	on("a page with a topic twice", 0, 0, describePartitions(2000, nil, "meta", "meta")),
	on("a page of no partitions", 0, 0, describePartitions(0, nil, "meta")),
	on("a page from a partition that is not", 0, 0, describePartitions(10, cursorAt("meta", 7), "meta", "meta-b")),
	on("a page from a topic that was not asked for", 0, 0, describePartitions(10, cursorAt("meta-c", 0), "meta",
		"meta-b")),
	on("a page from a topic that is not", 0, 0, describePartitions(10, cursorAt("meta-a", 0), "meta-a", "meta", "meta-b")),
	on("a page from a negative partition", 0, 0, describePartitions(10, cursorAt("meta", -1), "meta")),
})

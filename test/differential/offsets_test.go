package differential

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

func deleteRecords(topic string, partition int32, offset int64) builder {
	return ask(kmsg.NewPtrDeleteRecordsRequest, func(_ *world, r *kmsg.DeleteRecordsRequest) {
		r.TimeoutMillis = 10_000
		t := kmsg.NewDeleteRecordsRequestTopic()
		t.Topic = topic
		t.Partitions = []kmsg.DeleteRecordsRequestTopicPartition{{Partition: partition, Offset: offset}}
		r.Topics = append(r.Topics, t)
	})
}

func epochEnd(topic string, partition, epoch, current int32) builder {
	return ask(kmsg.NewPtrOffsetForLeaderEpochRequest, func(_ *world, r *kmsg.OffsetForLeaderEpochRequest) {
		r.ReplicaID = -1
		t := kmsg.NewOffsetForLeaderEpochRequestTopic()
		t.Topic = topic
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		p.Partition, p.LeaderEpoch, p.CurrentLeaderEpoch = partition, epoch, current
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	})
}

func listing(edit func(*kmsg.ListOffsetsRequestTopicPartition)) func(*kmsg.ListOffsetsRequest) {
	return func(r *kmsg.ListOffsetsRequest) { edit(&r.Topics[0].Partitions[0]) }
}

// at is a batch with one record of that time.
func at(millis int64) []byte {
	return harness.EditedBatch(func(b *kmsg.RecordBatch) { b.FirstTimestamp, b.MaxTimestamp = millis, millis }, "x")
}

var logOffsetSteps = slices.Concat(made("log", 1), made("void", 1), []step{
	on("write at 1000", 9, 9, produce("log", these(at(1000)))),
	on("write at 3000", 9, 9, produce("log", these(at(3000)))),
	on("write at 2000", 9, 9, produce("log", these(at(2000)))),
	on("the end", 1, 11, listOffsets("log", -1)),
	on("the start", 1, 11, listOffsets("log", -2)),
	on("time 0", 1, 11, listOffsets("log", 0)),
	on("time 1000", 1, 11, listOffsets("log", 1000)),
	on("time 1001", 1, 11, listOffsets("log", 1001)),
	on("time 3001", 1, 11, listOffsets("log", 3001)),
	on("the largest time", 1, 11, listOffsets("log", -3)),
	on("the start on disk", 1, 11, listOffsets("log", -4)),
	on("the end in other storage", 1, 11, listOffsets("log", -5)),
	on("what waits for other storage", 1, 11, listOffsets("log", -6)),
	on("time -7", 1, 11, listOffsets("log", -7)),
	on("the end of nothing", 1, 11, listOffsets("void", -1)),
	on("the start of nothing", 1, 11, listOffsets("void", -2)),
	on("the largest time of nothing", 7, 11, listOffsets("void", -3)),
	on("time 0 of nothing", 1, 11, listOffsets("void", 0)),
	on("an unknown topic", 1, 11, listOffsets("nowhere", -1)),
	on("an unknown partition", 1, 11, listOffsets("log", -1, listing(func(p *kmsg.ListOffsetsRequestTopicPartition) {
		p.Partition = 4
	}))),
	on("a partition twice", 1, 11, listOffsets("log", -1, func(r *kmsg.ListOffsetsRequest) {
		r.Topics[0].Partitions = append(r.Topics[0].Partitions, r.Topics[0].Partitions[0])
	})),
	on("read committed", 2, 11, listOffsets("log", -1, func(r *kmsg.ListOffsetsRequest) { r.IsolationLevel = 1 })),
	on("in the leader's epoch", 4, 11, listOffsets("log", -1, listing(func(p *kmsg.ListOffsetsRequestTopicPartition) {
		p.CurrentLeaderEpoch = 0
	}))),
	on("in a later epoch", 4, 11, listOffsets("log", -1, listing(func(p *kmsg.ListOffsetsRequestTopicPartition) {
		p.CurrentLeaderEpoch = 9
	}))),
	on("as a follower", 1, 11, listOffsets("log", -1, func(r *kmsg.ListOffsetsRequest) { r.ReplicaID = 5 })),
	on("as a debugger", 1, 11, listOffsets("log", -1, func(r *kmsg.ListOffsetsRequest) { r.ReplicaID = -2 })),
	on("nothing", 1, 11, listOffsets("log", -1, func(r *kmsg.ListOffsetsRequest) { r.Topics = nil })),

	on("the end of the epoch", 2, 4, epochEnd("log", 0, 0, -1)),
	on("the end of a later epoch", 2, 4, epochEnd("log", 0, 5, -1)),
	on("the end of epoch -1", 2, 4, epochEnd("log", 0, -1, -1)),
	on("the end of an epoch of nothing", 2, 4, epochEnd("void", 0, 0, -1)),
	on("the end of an epoch in the leader's", 2, 4, epochEnd("log", 0, 0, 0)),
	on("the end of an epoch in a later one", 2, 4, epochEnd("log", 0, 0, 3)),
	on("the end of an epoch of an unknown partition", 2, 4, epochEnd("log", 5, 0, -1)),
	on("the end of an epoch of an unknown topic", 2, 4, epochEnd("nowhere", 0, 0, -1)),

	on("delete nothing", 0, 2, deleteRecords("log", 0, 0)),
	on("delete one", 0, 2, deleteRecords("log", 0, 1)),
	on("the start after that", 1, 11, listOffsets("log", -2)),
	on("time 0 after that", 1, 11, listOffsets("log", 0)),
	on("delete what is gone", 0, 2, deleteRecords("log", 0, 0)),
	on("delete behind the end", 0, 2, deleteRecords("log", 0, 3000)),
	on("delete before the start", 0, 2, deleteRecords("log", 0, -2)),
	on("delete all", 0, 2, deleteRecords("log", 0, -1)),
	on("the largest time after that", 7, 11, listOffsets("log", -3)),
	on("the end of the epoch after that", 2, 4, epochEnd("log", 0, 0, -1)),
	on("delete from an unknown partition", 0, 2, deleteRecords("log", 4, 3)),
	on("delete from an unknown topic", 0, 2, deleteRecords("nowhere", 0, 3)),
	on("delete from an internal topic", 0, 2, deleteRecords("__consumer_offsets", 0, 0)),
	on("create a topic to compact", 7, 7, createTopic("compacted-log", 1, withConfigs("cleanup.policy", "compact"))),
	on("wait for it", 12, 12, metadataOf(false, "compacted-log")).until(func(resp kmsg.Response) bool {
		t := resp.(*kmsg.MetadataResponse).Topics[0]
		return t.ErrorCode == 0 && t.Partitions[0].ErrorCode == 0
	}),
	// A broker may tell clients of a partition a moment before it leads it.
	on("delete from a compacted log", 0, 2, deleteRecords("compacted-log", 0, 0)).until(func(resp kmsg.Response) bool {
		code := resp.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0].ErrorCode
		return code != kerr.NotLeaderForPartition.Code
	}),
})

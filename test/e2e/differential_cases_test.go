package e2e

import (
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// sequence is a story told to both brokers, step by step.
type sequence struct {
	name  string
	steps []step
}

// intendedDifferences is the reviewed list.
var intendedDifferences = []difference{
	{`.`, `\.(Brokers\[\d\]|Coordinators\[\d\]|NodeEndpoints\[\d\])?\.?(Port|Host):`, "the brokers listen at different addresses"},
	{`.`, `\.ClusterID:`, "the clusters differ"},
	{`.`, `\.ControllerID:`, "KRaft's brokers name a random live broker; there is one here, but the answer may be -1 while it starts"},
	{`.`, `\.Dir:`, "the directories differ"},
	{`.`, `\.(TotalBytes|UsableBytes|Size|OffsetLag):`, "the disks' sizes differ"},
	{`api-versions`, `.`, "Chronik does not serve every API yet; the next test compares those that it does serve"},
	{`describe broker`, `.`, "broker configs differ by what each broker is; compared in core/domain/broker against a recording"},
}

// batch is a record batch as a client builds it.
func batch(values ...string) []byte {
	return edited(func(*kmsg.RecordBatch) {}, values...)
}

// edited is batch with its header changed before the checksum is taken.
func edited(edit func(*kmsg.RecordBatch), values ...string) []byte {
	var records []byte
	for i, v := range values {
		r := kmsg.Record{OffsetDelta: int32(i), Key: []byte("k"), Value: []byte(v)}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		records = r.AppendTo(records)
	}
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(len(values) - 1), FirstTimestamp: 1_600_000_000_000, MaxTimestamp: 1_600_000_000_000,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(len(values)), Records: records,
	}
	edit(&b)
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	raw := b.AppendTo(nil)
	b.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

func createTopics(edit func(*kmsg.CreateTopicsRequest, *kmsg.CreateTopicsRequestTopic)) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.Version, req.TimeoutMillis = v, 10_000
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = fmt.Sprintf("made-v%d", v), 2, 1
		edit(req, &t)
		req.Topics = append(req.Topics, t)
		return req
	}
}

func produce(topic string, acks int16, records func(w *world) []byte) func(*world, int16) kmsg.Request {
	return func(w *world, v int16) kmsg.Request {
		req := kmsg.NewPtrProduceRequest()
		req.Version, req.Acks, req.TimeoutMillis = v, acks, 10_000
		t := kmsg.NewProduceRequestTopic()
		t.Topic, t.TopicID = topic, w.topic[topic]
		p := kmsg.NewProduceRequestTopicPartition()
		p.Records = records(w)
		t.Partitions = append(t.Partitions, p)
		req.Topics = append(req.Topics, t)
		return req
	}
}

func fetch(topic string, offset int64, edit func(*kmsg.FetchRequest)) func(*world, int16) kmsg.Request {
	return func(w *world, v int16) kmsg.Request {
		req := kmsg.NewPtrFetchRequest()
		req.Version, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = v, 100, 1, 1<<20, -1
		t := kmsg.NewFetchRequestTopic()
		t.Topic, t.TopicID = topic, w.topic[topic]
		p := kmsg.NewFetchRequestTopicPartition()
		p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = offset, 1<<20, -1
		t.Partitions = append(t.Partitions, p)
		req.Topics = append(req.Topics, t)
		edit(req)
		return req
	}
}

func asIs[T any](T) {}

var long = strings.Repeat("x", 250)

var differentialSequences = []sequence{
	{"topics", []step{
		{"create", 2, 7, createTopics(func(*kmsg.CreateTopicsRequest, *kmsg.CreateTopicsRequestTopic) {}), nil},
		{"create again", 2, 7, createTopics(func(*kmsg.CreateTopicsRequest, *kmsg.CreateTopicsRequestTopic) {}), nil},
		{"create invalid name", 2, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) { t.Topic = "a/b" }), nil},
		{"create empty name", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) { t.Topic = "" }), nil},
		{"create dot", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) { t.Topic = "." }), nil},
		{"create long name", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) { t.Topic = long }), nil},
		{"create with dot", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) { t.Topic = "col.lide" }), nil},
		{"create colliding", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) { t.Topic = "col_lide" }), nil},
		{"create no partitions", 2, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.NumPartitions = "zero", 0
		}), nil},
		{"create factor 2", 2, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.ReplicationFactor = "two", 2
		}), nil},
		{"create factor 0", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.ReplicationFactor = "nil", 0
		}), nil},
		{"create with defaults", 4, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.NumPartitions, t.ReplicationFactor = t.Topic+"-defaults", -1, -1
		}), nil},
		{"validate only", 5, 7, createTopics(func(r *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, r.ValidateOnly = "valid", true
		}), nil},
		{"unknown config", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.Configs = "conf", []kmsg.CreateTopicsRequestTopicConfig{{Name: "no.such.config", Value: kmsg.StringPtr("1")}}
		}), nil},
		{"bad config value", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.Configs = "conf", []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: kmsg.StringPtr("soon")}}
		}), nil},
		{"config value out of range", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.Configs = "conf", []kmsg.CreateTopicsRequestTopicConfig{{Name: "segment.bytes", Value: kmsg.StringPtr("1")}}
		}), nil},
		{"config null value", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.Configs = "conf", []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms"}}
		}), nil},
		{"assignment and count", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.ReplicaAssignment = "assigned", []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: []int32{1}}}
		}), nil},
		{"assignment", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.NumPartitions, t.ReplicationFactor = "assigned", -1, -1
			t.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: []int32{1}}}
		}), nil},
		{"assignment to unknown broker", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.NumPartitions, t.ReplicationFactor = "assigned-far", -1, -1
			t.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: []int32{99}}}
		}), nil},
		{"metadata", 0, 13, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrMetadataRequest()
			req.Version = v
			for _, name := range []string{"made-v7", "assigned", "unknown-topic", "bad/name"} {
				t := kmsg.NewMetadataRequestTopic()
				t.Topic = kmsg.StringPtr(name)
				req.Topics = append(req.Topics, t)
			}
			req.IncludeTopicAuthorizedOperations, req.IncludeClusterAuthorizedOperations = true, true
			return req
		}, nil},
		{"metadata by unknown id", 12, 13, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrMetadataRequest()
			req.Version = v
			t := kmsg.NewMetadataRequestTopic()
			t.TopicID = [16]byte{1, 2, 3}
			req.Topics = append(req.Topics, t)
			return req
		}, nil},
		{"metadata by id", 12, 13, func(w *world, v int16) kmsg.Request {
			req := kmsg.NewPtrMetadataRequest()
			req.Version = v
			t := kmsg.NewMetadataRequestTopic()
			t.TopicID = w.topic["made-v7"]
			req.Topics = append(req.Topics, t)
			return req
		}, nil},
		{"describe topic partitions", 0, 0, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrDescribeTopicPartitionsRequest()
			req.Version, req.ResponsePartitionLimit = v, 3
			for _, name := range []string{"made-v7", "made-v6", "unknown-topic"} {
				req.Topics = append(req.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
			}
			return req
		}, nil},
		{"create partitions", 0, 3, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrCreatePartitionsRequest()
			req.Version, req.TimeoutMillis = v, 10_000
			for name, count := range map[string]int32{"made-v7": int32(v) + 3} {
				t := kmsg.NewCreatePartitionsRequestTopic()
				t.Topic, t.Count = name, count
				req.Topics = append(req.Topics, t)
			}
			return req
		}, nil},
		{"create fewer partitions", 3, 3, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrCreatePartitionsRequest()
			req.Version, req.TimeoutMillis = v, 10_000
			t := kmsg.NewCreatePartitionsRequestTopic()
			t.Topic, t.Count = "made-v7", 1
			req.Topics = append(req.Topics, t)
			return req
		}, nil},
		{"create the same partitions", 3, 3, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrCreatePartitionsRequest()
			req.Version, req.TimeoutMillis = v, 10_000
			t := kmsg.NewCreatePartitionsRequestTopic()
			t.Topic, t.Count = "made-v7", 6
			req.Topics = append(req.Topics, t)
			return req
		}, nil},
		{"create partitions of an unknown topic", 3, 3, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrCreatePartitionsRequest()
			req.Version, req.TimeoutMillis = v, 10_000
			t := kmsg.NewCreatePartitionsRequestTopic()
			t.Topic, t.Count = "unknown-topic-2", 6
			req.Topics = append(req.Topics, t)
			return req
		}, nil},
		{"delete", 1, 6, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrDeleteTopicsRequest()
			req.Version, req.TimeoutMillis = v, 10_000
			name := fmt.Sprintf("made-v%d", max(v, 2))
			req.TopicNames = []string{name}
			t := kmsg.NewDeleteTopicsRequestTopic()
			t.Topic = &name
			req.Topics = append(req.Topics, t)
			return req
		}, nil},
		{"delete by unknown id", 6, 6, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrDeleteTopicsRequest()
			req.Version, req.TimeoutMillis = v, 10_000
			t := kmsg.NewDeleteTopicsRequestTopic()
			t.TopicID = [16]byte{9}
			req.Topics = append(req.Topics, t)
			return req
		}, nil},
	}},
	{"records", []step{
		{"create", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.NumPartitions = "rec", 1
		}), nil},
		{"produce", 3, 13, produce("rec", -1, func(*world) []byte { return batch("a", "b") }), nil},
		{"produce acks=1", 3, 13, produce("rec", 1, func(*world) []byte { return batch("c") }), nil},
		{"produce old version", 0, 2, produce("rec", 1, func(*world) []byte { return batch("c") }), nil},
		{"produce acks=2", 13, 13, produce("rec", 2, func(*world) []byte { return batch("c") }), nil},
		{"produce nothing", 9, 13, produce("rec", -1, func(*world) []byte { return []byte{} }), nil},
		{"produce two batches", 9, 13, produce("rec", -1, func(*world) []byte { return append(batch("x"), batch("y")...) }), nil},
		{"produce bad crc", 9, 13, produce("rec", -1, func(*world) []byte { b := batch("x"); b[len(b)-1] ^= 1; return b }), nil},
		{"produce magic 1", 9, 13, produce("rec", -1, func(*world) []byte { return edited(func(b *kmsg.RecordBatch) { b.Magic = 1 }, "x") }), nil},
		{"produce control", 9, 13, produce("rec", -1, func(*world) []byte { return edited(func(b *kmsg.RecordBatch) { b.Attributes = 1 << 5 }, "x") }), nil},
		{"produce wrong count", 9, 13, produce("rec", -1, func(*world) []byte { return edited(func(b *kmsg.RecordBatch) { b.NumRecords = 7 }, "x") }), nil},
		{"produce wrong delta", 9, 13, produce("rec", -1, func(*world) []byte { return edited(func(b *kmsg.RecordBatch) { b.LastOffsetDelta = 7 }, "x") }), nil},
		{"produce future", 9, 13, produce("rec", -1, func(*world) []byte {
			return edited(func(b *kmsg.RecordBatch) { b.FirstTimestamp, b.MaxTimestamp = 9_000_000_000_000, 9_000_000_000_000 }, "x")
		}), nil},
		{"produce unknown topic", 9, 12, produce("nowhere", -1, func(*world) []byte { return batch("x") }), nil},
		{"produce unknown id", 13, 13, produce("nowhere", -1, func(*world) []byte { return batch("x") }), nil},
		{"produce unknown producer", 9, 13, produce("rec", -1, func(*world) []byte {
			return edited(func(b *kmsg.RecordBatch) { b.ProducerID, b.ProducerEpoch, b.FirstSequence = 5555, 0, 0 }, "x")
		}), nil},
		{"produce gap", 9, 13, produce("rec", -1, func(*world) []byte {
			return edited(func(b *kmsg.RecordBatch) { b.ProducerID, b.ProducerEpoch, b.FirstSequence = 5555, 0, 50 }, "x")
		}), nil},
		{"fetch", 4, 18, fetch("rec", 0, asIs), nil},
		{"fetch middle", 4, 18, fetch("rec", 1, asIs), nil},
		{"fetch small", 4, 18, fetch("rec", 0, func(r *kmsg.FetchRequest) { r.MaxBytes, r.Topics[0].Partitions[0].PartitionMaxBytes = 1, 1 }), nil},
		{"fetch out of range", 4, 18, fetch("rec", 1000, asIs), nil},
		{"fetch negative", 4, 18, fetch("rec", -5, asIs), nil},
		{"fetch unknown topic", 4, 18, fetch("nowhere", 0, asIs), nil},
		{"fetch unknown partition", 4, 18, fetch("rec", 0, func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].Partition = 9 }), nil},
		{"fetch new epoch", 9, 18, fetch("rec", 0, func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].CurrentLeaderEpoch = 9 }), nil},
		{"fetch unknown session", 7, 18, fetch("rec", 0, func(r *kmsg.FetchRequest) { r.SessionID, r.SessionEpoch = 77, 3 }), nil},
		{"list offsets", 1, 11, listOffsets("rec", -1, -2, 0, 1_600_000_000_000, 1_700_000_000_001), nil},
		{"list max timestamp", 7, 11, listOffsets("rec", -3), nil},
		{"list earliest local", 8, 11, listOffsets("rec", -4), nil},
		{"list latest tiered", 9, 11, listOffsets("rec", -5), nil},
		{"list pending upload", 11, 11, listOffsets("rec", -6), nil},
		{"list unknown topic", 1, 11, listOffsets("nowhere", -1), nil},
		{"list nonsense", 1, 11, listOffsets("rec", -9), nil},
		{"epoch ends", 2, 4, epochEnds("rec", 0, 5, -1), nil},
		{"describe producers", 0, 0, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrDescribeProducersRequest()
			req.Version = v
			req.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "rec", Partitions: []int32{0, 5}}, {Topic: "nowhere", Partitions: []int32{0}}}
			return req
		}, nil},
		{"delete records", 0, 2, deleteRecords("rec", 0, 3), nil},
		{"delete records too far", 0, 2, deleteRecords("rec", 0, 3000), nil},
		{"delete records unknown", 0, 2, deleteRecords("rec", 4, 3), nil},
		{"fetch below start", 4, 18, fetch("rec", 0, asIs), nil},
		{"log dirs", 1, 5, func(_ *world, v int16) kmsg.Request {
			req := kmsg.NewPtrDescribeLogDirsRequest()
			req.Version = v
			req.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: "rec", Partitions: []int32{0}}}
			return req
		}, nil},
	}},
	{"configs", []step{
		{"create", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) { t.Topic = "cfg" }), nil},
		{"describe topic", 1, 4, describeConfigs(kmsg.ConfigResourceTypeTopic, "cfg", nil), nil},
		{"describe two keys", 1, 4, describeConfigs(kmsg.ConfigResourceTypeTopic, "cfg", []string{"retention.ms", "cleanup.policy"}), nil},
		{"describe no keys", 1, 4, describeConfigs(kmsg.ConfigResourceTypeTopic, "cfg", []string{}), nil},
		{"describe unknown topic", 1, 4, describeConfigs(kmsg.ConfigResourceTypeTopic, "nowhere", nil), nil},
		{"describe broker", 1, 4, describeConfigs(kmsg.ConfigResourceTypeBroker, "1", nil), nil},
		{"describe other broker", 1, 4, describeConfigs(kmsg.ConfigResourceTypeBroker, "7", nil), nil},
		{"describe unparsable broker", 1, 4, describeConfigs(kmsg.ConfigResourceTypeBroker, "x", nil), nil},
		{"alter", 0, 2, alterConfigs("cfg", "retention.ms", "60000"), nil},
		{"alter unknown", 0, 2, alterConfigs("cfg", "no.such", "60000"), nil},
		{"alter unknown topic", 0, 2, alterConfigs("nowhere", "retention.ms", "60000"), nil},
		{"set", 0, 1, incremental("cfg", "retention.ms", 0, "7000"), nil},
		{"append", 0, 1, incremental("cfg", "cleanup.policy", 2, "compact"), nil},
		{"describe after", 1, 4, describeConfigs(kmsg.ConfigResourceTypeTopic, "cfg", nil), nil},
		{"subtract", 0, 1, incremental("cfg", "cleanup.policy", 3, "delete"), nil},
		{"append to a number", 0, 1, incremental("cfg", "retention.ms", 2, "1"), nil},
		{"set nonsense", 0, 1, incremental("cfg", "cleanup.policy", 0, "burn"), nil},
		{"delete value", 0, 1, incremental("cfg", "retention.ms", 1, ""), nil},
		{"describe at the end", 4, 4, describeConfigs(kmsg.ConfigResourceTypeTopic, "cfg", nil), nil},
	}},
	{"groups", groupSteps},
}

func listOffsets(topic string, timestamps ...int64) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrListOffsetsRequest()
		req.Version, req.ReplicaID, req.TimeoutMillis = v, -1, 10_000
		for _, ts := range timestamps[:1] {
			t := kmsg.NewListOffsetsRequestTopic()
			t.Topic = topic
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Timestamp, p.CurrentLeaderEpoch = ts, -1
			t.Partitions = append(t.Partitions, p)
			req.Topics = append(req.Topics, t)
		}
		return req
	}
}

func epochEnds(topic string, epochs ...int32) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrOffsetForLeaderEpochRequest()
		req.Version, req.ReplicaID = v, -1
		t := kmsg.NewOffsetForLeaderEpochRequestTopic()
		t.Topic = topic
		for i, e := range epochs {
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.Partition, p.LeaderEpoch, p.CurrentLeaderEpoch = int32(min(i, 1)), e, -1
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
		return req
	}
}

func deleteRecords(topic string, partition int32, offset int64) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.Version, req.TimeoutMillis = v, 10_000
		t := kmsg.NewDeleteRecordsRequestTopic()
		t.Topic = topic
		t.Partitions = []kmsg.DeleteRecordsRequestTopicPartition{{Partition: partition, Offset: offset}}
		req.Topics = append(req.Topics, t)
		return req
	}
}

func describeConfigs(kind kmsg.ConfigResourceType, name string, keys []string) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.Version, req.IncludeSynonyms = v, true
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = kind, name, keys
		req.Resources = append(req.Resources, r)
		return req
	}
}

func alterConfigs(topic, key, value string) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrAlterConfigsRequest()
		req.Version = v
		r := kmsg.NewAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topic
		r.Configs = []kmsg.AlterConfigsRequestResourceConfig{{Name: key, Value: &value}}
		req.Resources = append(req.Resources, r)
		return req
	}
}

func incremental(topic, key string, op kmsg.IncrementalAlterConfigOp, value string) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		req.Version = v
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topic
		r.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: key, Op: op, Value: &value}}
		req.Resources = append(req.Resources, r)
		return req
	}
}

// subscription is a consumer's for topic "rec", version 0.
var subscription, _ = hex.DecodeString("000000000001" + "0003" + hex.EncodeToString([]byte("rec")) + "ffffffff")

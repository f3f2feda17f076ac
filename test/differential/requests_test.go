package differential

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ask is a request that is filled for each broker and version.
func ask[R kmsg.Request](fresh func() R, fill func(w *world, r R)) builder {
	return func(w *world, version int16) kmsg.Request {
		r := fresh()
		r.SetVersion(version)
		fill(w, r)
		return r
	}
}

// noTopic is an id that no topic has.
var noTopic = [16]byte{9, 9, 9}

func createTopic(name string, partitions int32, edit ...func(*kmsg.CreateTopicsRequest,
	*kmsg.CreateTopicsRequestTopic),
) builder {
	return ask(kmsg.NewPtrCreateTopicsRequest, func(_ *world, r *kmsg.CreateTopicsRequest) {
		r.TimeoutMillis = 10_000
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, 1
		for _, e := range edit {
			e(r, &t)
		}
		r.Topics = append(r.Topics, t)
	})
}

// withConfigs creates a topic with configs of its own, given as name, value, name, value …
func withConfigs(pairs ...string) func(*kmsg.CreateTopicsRequest, *kmsg.CreateTopicsRequestTopic) {
	return func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
		for i := 0; i < len(pairs); i += 2 {
			t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: pairs[i], Value: &pairs[i+1]})
		}
	}
}

// made creates a topic for the steps that follow, and waits until the broker serves it.
func made(name string, partitions int32, configs ...string) []step {
	return []step{
		on("create "+name, 7, 7, createTopic(name, partitions, withConfigs(configs...))),
		on("wait for "+name, 12, 12, metadataOf(false, name)).until(func(resp kmsg.Response) bool {
			t := resp.(*kmsg.MetadataResponse).Topics
			return len(t) == 1 && t[0].ErrorCode == 0 && len(t[0].Partitions) == int(partitions) &&
				t[0].Partitions[0].ErrorCode == 0
		}),
	}
}

func metadataOf(create bool, names ...string) builder {
	return ask(kmsg.NewPtrMetadataRequest, func(_ *world, r *kmsg.MetadataRequest) {
		r.AllowAutoTopicCreation = create
		r.Topics = []kmsg.MetadataRequestTopic{}
		for _, name := range names {
			t := kmsg.NewMetadataRequestTopic()
			t.Topic = &name
			r.Topics = append(r.Topics, t)
		}
	})
}

// produce sends records to partition 0 of a topic.
func produce(topic string, records func(w *world, version int16) []byte, edit ...func(*kmsg.ProduceRequest)) builder {
	return ask(kmsg.NewPtrProduceRequest, func(w *world, r *kmsg.ProduceRequest) {
		r.Acks, r.TimeoutMillis = -1, 10_000
		t := kmsg.NewProduceRequestTopic()
		t.Topic, t.TopicID = topic, w.idOf(topic)
		p := kmsg.NewProduceRequestTopicPartition()
		p.Records = records(w, r.Version)
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		for _, e := range edit {
			e(r)
		}
	})
}

// these are records that are equal for every broker and version.
func these(records []byte) func(*world, int16) []byte {
	return func(*world, int16) []byte { return records }
}

// idOf returns a topic's id, one that no topic has when the topic does not exist.
func (w *world) idOf(topic string) [16]byte {
	if id, ok := w.topic[topic]; ok {
		return id
	}
	return noTopic
}

// fetch requests partition 0 of a topic, without a session.
func fetch(topic string, offset int64, edit ...func(*kmsg.FetchRequest)) builder {
	return ask(kmsg.NewPtrFetchRequest, func(w *world, r *kmsg.FetchRequest) {
		r.MaxWaitMillis = 50
		r.MinBytes = 1
		r.MaxBytes = 1 << 20
		r.SessionEpoch = -1
		r.Topics = append(r.Topics, w.fetched(topic, 0, offset))
		for _, e := range edit {
			e(r)
		}
	})
}

func (w *world) fetched(topic string, partition int32, offset int64) kmsg.FetchRequestTopic {
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, w.idOf(topic)
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition = partition
	p.FetchOffset = offset
	p.PartitionMaxBytes = 1 << 20
	p.CurrentLeaderEpoch = -1
	t.Partitions = append(t.Partitions, p)
	return t
}

func listOffsets(topic string, timestamp int64, edit ...func(*kmsg.ListOffsetsRequest)) builder {
	return ask(kmsg.NewPtrListOffsetsRequest, func(_ *world, r *kmsg.ListOffsetsRequest) {
		r.ReplicaID, r.TimeoutMillis = -1, 10_000
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Timestamp, p.CurrentLeaderEpoch = timestamp, -1
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		for _, e := range edit {
			e(r)
		}
	})
}

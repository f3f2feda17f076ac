package metadata

import (
	"encoding/binary"
	"iter"
	"strings"
)

// Image is the whole metadata at one moment. It never changes: Apply returns a new one that shares the unchanged parts.
// The zero Image is empty.
type Image struct {
	index          uint64
	clusterID      string
	nextProducerID int64
	features       map[string]int16 // levels, by name
	featuresEpoch  uint64           // number of the last command that changed them
	restored       bool             // see AfterLoss
	partitions     int              // over all topics
	deletions      uint64           // of topics, in this process; not stored
	changed        []*Topic         // by the last command, if it was about a broker; not stored
	topics         index[*Topic]
	topicIDs       index[string] // names of topics by their ids
	collisions     index[string] // names of topics that have a '.' or '_', by collisionKey
	brokers        index[*Broker]
	configs        index[map[string]string] // of everything but topics, by configKey
}

// Index is the number of commands that made this image.
func (i *Image) Index() uint64 { return i.index }

// ClusterID returns the cluster's id, "" before InitCluster.
func (i *Image) ClusterID() string { return i.clusterID }

// NextProducerID returns the first producer id that AllocateProducerIDs has not handed out.
func (i *Image) NextProducerID() int64 { return i.nextProducerID }

// Topic returns the topic of that name.
func (i *Image) Topic(name string) (*Topic, bool) { return i.topics.get(name) }

// TopicByID returns the topic with that id.
func (i *Image) TopicByID(id TopicID) (*Topic, bool) { return i.topicByKey(string(id[:])) }

// topicByKey returns the topic whose id has these bytes.
func (i *Image) topicByKey(id string) (*Topic, bool) {
	name, ok := i.topicIDs.get(id)
	if !ok {
		return nil, false
	}
	return i.topics.get(name)
}

// Topics yields all topics in the order of their names.
func (i *Image) Topics() iter.Seq[*Topic] { return values(i.topics.from("")) }

// ListedTopics yields the topics that a client gets when it asks for all of them, in the order of their names, from
// name on ("" for the first). Like Kafka's __cluster_metadata, __meta is not among them, so that tools that list, count
// or delete topics see those of users only. A client that asks for __meta by name gets it.
func (i *Image) ListedTopics(name string) iter.Seq[*Topic] {
	return func(yield func(*Topic) bool) {
		for _, t := range i.topics.from(name) {
			if t.Name != MetaTopic && !yield(t) {
				return
			}
		}
	}
}

// ChangedTopics yields the topics that differ between old and i, by name: the old value, nil for a new topic, and the
// new one, nil for a deleted topic. Its cost grows with the number of changes, not with the number of topics.
func (i *Image) ChangedTopics(old *Image) iter.Seq2[*Topic, *Topic] {
	return changes(old.topics, i.topics)
}

// Counts returns the numbers of topics and of partitions.
func (i *Image) Counts() (topics, partitions int) { return i.topics.size, i.partitions }

// ListedCounts returns the counts of the topics that ListedTopics yields.
func (i *Image) ListedCounts() (topics, partitions int) {
	topics, partitions = i.Counts()
	if meta, ok := i.Topic(MetaTopic); ok {
		topics, partitions = topics-1, partitions-len(meta.Partitions)
	}
	return topics, partitions
}

// Deletions counts the topics that were deleted since this process loaded or created the image. A reader that skips
// images notices by it that topics were deleted in between.
func (i *Image) Deletions() uint64 { return i.deletions }

// Broker returns the registered broker with that id.
func (i *Image) Broker(id int32) (*Broker, bool) { return i.brokers.get(brokerKey(id)) }

// Brokers yields all registered brokers in the order of their ids.
func (i *Image) Brokers() iter.Seq[*Broker] { return values(i.brokers.from("")) }

// Configs returns what was set for the resource, nil when nothing was. Topics' own configs are
// in Topic.Configs, too.
func (i *Image) Configs(t ResourceType, name string) map[string]string {
	if t == ResourceTopic {
		if topic, ok := i.Topic(name); ok && len(topic.Configs) > 0 {
			return topic.Configs
		}
		return nil
	}
	set, _ := i.configs.get(configKey(t, name))
	return set
}

// ConfigResources yields the names of the resources of type t that have configs, in order.
func (i *Image) ConfigResources(t ResourceType) iter.Seq[string] {
	return func(yield func(string) bool) {
		if t == ResourceTopic {
			for topic := range i.Topics() {
				if len(topic.Configs) > 0 && !yield(topic.Name) {
					return
				}
			}
			return
		}
		for key := range i.configs.from(configKey(t, "")) {
			if owner, name := splitConfigKey(key); owner != t || !yield(name) {
				return
			}
		}
	}
}

// withTopic returns a copy of i in which t replaces the topic with the same id, or is added.
func (i *Image) withTopic(t *Topic) *Image {
	next := *i
	next.partitions += len(t.Partitions)
	next.topics = i.topics.set(t.Name, t)
	if old, ok := i.TopicByID(t.ID); ok { // a topic keeps its name
		next.partitions -= len(old.Partitions)
		return &next
	}
	next.topicIDs = i.topicIDs.set(string(t.ID[:]), t.Name)
	if key, may := collisionKey(t.Name); may {
		next.collisions = i.collisions.set(key, t.Name)
	}
	return &next
}

// withoutTopic returns a copy of i without t, which must be in i.
func (i *Image) withoutTopic(t *Topic) *Image {
	next := *i
	next.partitions -= len(t.Partitions)
	next.deletions++
	next.topics = i.topics.remove(t.Name)
	next.topicIDs = i.topicIDs.remove(string(t.ID[:]))
	if key, may := collisionKey(t.Name); may {
		next.collisions = i.collisions.remove(key)
	}
	return &next
}

// collisionKey returns a key that is the same for all names that collide with name. Kafka refuses names that differ
// only in '.' and '_', since its metrics cannot tell them apart. may is false for a name that cannot collide with
// another.
func collisionKey(name string) (key string, may bool) {
	if !strings.ContainsAny(name, "._") {
		return "", false
	}
	return strings.ReplaceAll(name, ".", "_"), true
}

// brokerKey orders brokers by their ids, which are never negative.
func brokerKey(id int32) string { return string(binary.BigEndian.AppendUint32(nil, uint32(id))) }

func configKey(t ResourceType, name string) string { return string([]byte{byte(t)}) + name }

func splitConfigKey(key string) (ResourceType, string) { return ResourceType(key[0]), key[1:] }

func values[T any](entries iter.Seq2[string, T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, v := range entries {
			if !yield(v) {
				return
			}
		}
	}
}

package broker

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// NewTopic asks for a topic. Partitions and ReplicationFactor are -1 for the broker's default.
type NewTopic struct {
	Name              string
	Partitions        int32
	ReplicationFactor int16
	Assignments       map[int32][]int32 // partition → replicas; nil for none
	Configs           map[string]*string
	ValidateOnly      bool
}

// Topics is the service that creates and deletes topics.
type Topics struct{}

// Create makes a topic and returns it as it is, or as it would be with ValidateOnly. Errors are those of
// metadata.CreateTopic, with the messages of Apache Kafka.
func (t *Topics) Create(ctx context.Context, n NewTopic) (*metadata.Topic, error) {
	panic("landing soon")
}

// AutoCreate makes the topics that a client has asked about and that do not exist, when
// auto.create.topics.enable allows it; internal ones (__consumer_offsets) get their own settings. It
// returns the fault that Kafka's Metadata answers with for a topic that it does not make.
func (t *Topics) AutoCreate(ctx context.Context, name string) (*metadata.Topic, error) {
	panic("landing soon")
}

// EnsureInternal returns the internal topic, which is made when it is missing, whatever auto.create.topics.enable says.
func (t *Topics) EnsureInternal(ctx context.Context, name string) (*metadata.Topic, error) {
	panic("landing soon")
}

// Delete removes a topic, by id when name is "". Errors: fault.UnknownTopicOrPartition, UnknownTopicID,
// TopicDeletionDisabled, InvalidTopic for an internal one that must stay.
func (t *Topics) Delete(ctx context.Context, name string, id metadata.TopicID) (*metadata.Topic, error) {
	panic("landing soon")
}

// CreatePartitions raises the number of a topic's partitions.
func (t *Topics) CreatePartitions(ctx context.Context, name string, count int32, assignments [][]int32, validateOnly bool) error {
	panic("landing soon")
}

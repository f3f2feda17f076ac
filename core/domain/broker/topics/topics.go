package topics

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
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

// controllerLog is where Apache Kafka keeps its own metadata; no topic may have its name.
const controllerLog = "__cluster_metadata"

// Topics is the service that creates and deletes topics.
type Topics struct {
	store   ports.MetadataStore
	configs *brokerconfigs.Configs
	newID   func() metadata.TopicID
}

// NewTopics returns the topic service. newID returns a random topic id, which was never used before.
func NewTopics(store ports.MetadataStore, configs *brokerconfigs.Configs, newID func() metadata.TopicID) *Topics {
	return &Topics{store: store, configs: configs, newID: newID}
}

// Create creates a topic and returns it. With ValidateOnly it returns the topic that would be created. Errors are those
// of metadata.CreateTopic, with the messages of Apache Kafka.
func (t *Topics) Create(ctx context.Context, n NewTopic) (*metadata.Topic, error) {
	if n.Name == controllerLog {
		return nil, fault.New(fault.InvalidRequest, "Creation of internal topic %s is prohibited.", n.Name)
	}
	cmd, err := t.command(n)
	if err != nil {
		return nil, err
	}
	if err := t.checkConfigs(n.Configs); err != nil {
		// Kafka reports errors of the topic itself first.
		cmd.Configs = nil
		if _, _, first := metadata.Apply(t.store.Image(), cmd); errors.Is(first, fault.TopicExists) ||
			errors.Is(first, fault.InvalidTopic) {
			return nil, first
		}
		return nil, err
	}
	if n.ValidateOnly {
		_, res, err := metadata.Apply(t.store.Image(), cmd)
		return res.Topic, err
	}
	res, err := t.store.Apply(ctx, cmd)
	return res.Topic, err
}

// command returns the command for n, with the broker's defaults.
func (t *Topics) command(n NewTopic) (metadata.CreateTopic, error) {
	cmd := metadata.CreateTopic{
		Name: n.Name, ID: t.newID(), Partitions: n.Partitions, ReplicationFactor: n.ReplicationFactor,
		Configs: given(n.Configs),
	}
	if len(n.Assignments) == 0 {
		if cmd.Partitions == -1 {
			cmd.Partitions = int32(t.configs.Int("num.partitions"))
		}
		if cmd.ReplicationFactor == -1 {
			cmd.ReplicationFactor = int16(t.configs.Int("default.replication.factor"))
		}
		return cmd, nil
	}
	cmd.Assignments = make([][]int32, 0, len(n.Assignments))
	for p := range int32(len(n.Assignments)) {
		replicas, ok := n.Assignments[p]
		if !ok {
			return cmd, fault.New(fault.InvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
		}
		cmd.Assignments = append(cmd.Assignments, replicas)
	}
	return cmd, nil
}

// given returns the configs that have values; nil when none has.
func given(configs map[string]*string) map[string]string {
	if len(configs) == 0 {
		return nil
	}
	set := make(map[string]string, len(configs))
	for key, value := range configs {
		if value != nil {
			set[key] = *value
		}
	}
	return set
}

// checkConfigs checks the configs of a new topic. The command checks them by themselves, too, wherever it comes from;
// but it knows nothing of those that the topic inherits from this broker, which only valid ones can be compared with.
func (t *Topics) checkConfigs(configs map[string]*string) error {
	var null []string
	for _, key := range slices.Sorted(maps.Keys(configs)) {
		if configs[key] == nil {
			null = append(null, key)
		}
	}
	if len(null) > 0 {
		return fault.New(fault.InvalidConfig, "Null value not supported for topic configs: %s", strings.Join(null, ","))
	}
	own := given(configs)
	if err := configdef.ValidateTopicConfigs(own); err != nil {
		return err
	}
	return t.configs.CheckTopic(own)
}

// AutoCreate creates a missing topic that a client has asked for, if auto.create.topics.enable allows it. Internal
// topics (__consumer_offsets) get their own settings. created is false when the topic exists already. Errors are those
// of Kafka's Metadata for a topic that is not created: fault.InvalidTopic for an illegal name, otherwise
// fault.UnknownTopicOrPartition.
func (t *Topics) AutoCreate(ctx context.Context, name string) (topic *metadata.Topic, created bool, err error) {
	if topic, ok := t.store.Image().Topic(name); ok {
		return topic, false, nil
	}
	if !t.configs.Bool("auto.create.topics.enable") {
		return nil, false, fault.UnknownTopicOrPartition
	}
	if err := metadata.ValidateTopicName(name); err != nil {
		return nil, false, err
	}
	n, internal := t.internal(name)
	if !internal {
		n = NewTopic{Name: name, Partitions: -1, ReplicationFactor: -1}
	}
	topic, created, err = t.createMissing(ctx, n)
	if err != nil && ctx.Err() == nil {
		return nil, false, fault.New(fault.UnknownTopicOrPartition, "create topic %s: %w", name, err)
	}
	return topic, created, err
}

// EnsureInternal returns the internal topic, and creates it if it is missing, whatever auto.create.topics.enable is.
// Errors are those of Create, and fault.InvalidTopic for a name that is not that of an internal topic created on
// demand.
func (t *Topics) EnsureInternal(ctx context.Context, name string) (*metadata.Topic, error) {
	if topic, ok := t.store.Image().Topic(name); ok {
		return topic, nil
	}
	n, ok := t.internal(name)
	if !ok {
		return nil, fault.New(fault.InvalidTopic, "%s is no internal topic", name)
	}
	topic, _, err := t.createMissing(ctx, n)
	return topic, err
}

// createMissing creates a topic that another caller may create at the same time; created is false then.
func (t *Topics) createMissing(ctx context.Context, n NewTopic) (topic *metadata.Topic, created bool, err error) {
	topic, err = t.Create(ctx, n)
	if !errors.Is(err, fault.TopicExists) {
		return topic, err == nil, err
	}
	if waited := t.store.Barrier(ctx); waited != nil {
		return nil, false, waited
	}
	if existing, ok := t.store.Image().Topic(n.Name); ok {
		return existing, false, nil
	}
	return nil, false, err // it was created and deleted again
}

// internal returns an internal topic as this broker creates it on demand. ok is false for other names.
func (t *Topics) internal(name string) (n NewTopic, ok bool) {
	topic := metadata.FindInternalTopic(name)
	if topic == nil || !topic.OnDemand() {
		return NewTopic{}, false
	}
	configs := make(map[string]*string)
	for key, value := range topic.NewConfigs(t.configs.String) {
		configs[key] = &value
	}
	return NewTopic{
		Name: name, Partitions: int32(t.configs.Int(topic.PartitionsKey)),
		ReplicationFactor: int16(t.configs.Int(topic.ReplicationFactorKey)), Configs: configs,
	}, true
}

// Delete deletes a topic, by id if name is "", and returns it. Errors: fault.UnknownTopicOrPartition, UnknownTopicID,
// TopicDeletionDisabled, InvalidTopic for __meta, and InvalidRequest when neither or both are given. As in Kafka the
// other internal topics can be deleted, with the loss of their records.
func (t *Topics) Delete(ctx context.Context, name string, id metadata.TopicID) (*metadata.Topic, error) {
	if !t.configs.Bool("delete.topic.enable") {
		return nil, fault.New(fault.TopicDeletionDisabled, "Topic deletion is disabled.")
	}
	topic, err := find(t.store.Image(), name, id)
	for {
		switch {
		case err == nil && topic.Name == metadata.MetaTopic:
			return nil, fault.New(fault.InvalidTopic, "Deletion of internal topic %s is prohibited.", topic.Name)
		case err == nil:
			_, err = t.store.Apply(ctx, metadata.DeleteTopic{ID: topic.ID})
		}
		if !errors.Is(err, fault.UnknownTopicOrPartition) && !errors.Is(err, fault.UnknownTopicID) {
			break
		}
		// This node may not know yet that the topic was created, or created again.
		if waited := t.store.Barrier(ctx); waited != nil {
			return nil, waited
		}
		if topic, err = find(t.store.Image(), name, id); err != nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return topic, nil
}

// find returns the topic with this name or this id.
func find(img *metadata.Image, name string, id metadata.TopicID) (*metadata.Topic, error) {
	switch {
	case name == "" && id.IsZero():
		return nil, fault.New(fault.InvalidRequest, "Neither topic name nor id were specified.")
	case name != "" && !id.IsZero():
		return nil, fault.New(fault.InvalidRequest, "You may not specify both topic name and topic id.")
	case name != "":
		if topic, ok := img.Topic(name); ok {
			return topic, nil
		}
		return nil, unknownTopic()
	default:
		if topic, ok := img.TopicByID(id); ok {
			return topic, nil
		}
		return nil, fault.New(fault.UnknownTopicID, "This server does not host this topic ID.")
	}
}

func unknownTopic() error {
	return fault.New(fault.UnknownTopicOrPartition, "This server does not host this topic-partition.")
}

// CreatePartitions raises the number of a topic's partitions to count. assignments, if not nil, are the replicas of the
// new partitions. Errors are those of metadata.CreatePartitions, with the messages of Apache Kafka.
func (t *Topics) CreatePartitions(
	ctx context.Context, name string, count int32, assignments [][]int32, validateOnly bool,
) error {
	cmd := metadata.CreatePartitions{Topic: name, Count: count, Assignments: assignments}
	if validateOnly {
		_, _, err := metadata.Apply(t.store.Image(), cmd)
		return err
	}
	_, err := t.store.Apply(ctx, cmd)
	return err
}

package metadata

import (
	"maps"
	"strconv"
)

// The internal topics.
const (
	MetaTopic            = "__meta"
	OffsetsTopic         = "__consumer_offsets"
	TransactionTopic     = "__transaction_state"
	ShareGroupStateTopic = "__share_group_state"
)

// InternalTopic says how brokers create a topic of their own. Clients may read it; who may produce to it is a rule of
// core/domain/broker/replicas. Values are shared: they must not be changed.
type InternalTopic struct {
	Name  string
	Holds string // what its records are
	// PartitionsKey and ReplicationFactorKey are the brokers' configs that set its size when it is created. They are ""
	// for __meta, which is not created on demand; see MetaTopicCommand.
	PartitionsKey, ReplicationFactorKey string

	Configs map[string]string // its own configs
	// ConfigKeys are more of its own configs, each with the brokers' config whose value it gets when it is created.
	ConfigKeys map[string]string
}

// internalTopics is the only place that says how internal topics are created. All but __meta are as in Kafka.
var internalTopics = []InternalTopic{
	{
		Name:  MetaTopic,
		Holds: "nothing: the metadata has a store of its own",
		Configs: map[string]string{
			"cleanup.policy": "compact", "compression.type": "snappy", "retention.ms": "-1", "segment.bytes": "52428800",
		},
	},
	{
		Name:                 OffsetsTopic,
		Holds:                "committed offsets and the states of consumer groups",
		PartitionsKey:        "offsets.topic.num.partitions",
		ReplicationFactorKey: "offsets.topic.replication.factor",
		Configs:              map[string]string{"cleanup.policy": "compact", "compression.type": "producer"},
		ConfigKeys:           map[string]string{"segment.bytes": "offsets.topic.segment.bytes"},
	},
	{
		Name:                 TransactionTopic,
		Holds:                "the states of transactional ids",
		PartitionsKey:        "transaction.state.log.num.partitions",
		ReplicationFactorKey: "transaction.state.log.replication.factor",
		Configs: map[string]string{
			"cleanup.policy": "compact", "compression.type": "uncompressed", "unclean.leader.election.enable": "false",
		},
		ConfigKeys: map[string]string{
			"min.insync.replicas": "transaction.state.log.min.isr",
			"segment.bytes":       "transaction.state.log.segment.bytes",
		},
	},
	{
		Name:                 ShareGroupStateTopic,
		Holds:                "the delivery states of the records that share groups consume",
		PartitionsKey:        "share.coordinator.state.topic.num.partitions",
		ReplicationFactorKey: "share.coordinator.state.topic.replication.factor",
		Configs: map[string]string{
			"cleanup.policy": "delete", "compression.type": "producer", "retention.ms": "-1",
		},
		ConfigKeys: map[string]string{
			"min.insync.replicas": "share.coordinator.state.topic.min.isr",
			"segment.bytes":       "share.coordinator.state.topic.segment.bytes",
		},
	},
}

// InternalTopics returns all internal topics.
func InternalTopics() []InternalTopic { return internalTopics }

// FindInternalTopic returns the internal topic with this name, nil if there is none.
func FindInternalTopic(name string) *InternalTopic {
	for i := range internalTopics {
		if internalTopics[i].Name == name {
			return &internalTopics[i]
		}
	}
	return nil
}

// IsInternal reports whether name is that of an internal topic.
func IsInternal(name string) bool { return FindInternalTopic(name) != nil }

// OnDemand reports whether the topic is created when a client first needs it.
func (t *InternalTopic) OnDemand() bool { return t.PartitionsKey != "" }

// minSegmentBytes is the smallest segment.bytes of a topic. The brokers' configs for internal topics allow smaller
// values, as in Kafka.
const minSegmentBytes = 1 << 20

// NewConfigs returns the configs with which a broker creates the topic. config returns one of the broker's own configs.
func (t *InternalTopic) NewConfigs(config func(key string) string) map[string]string {
	configs := maps.Clone(t.Configs)
	for own, key := range t.ConfigKeys {
		configs[own] = config(key)
	}
	if n, err := strconv.Atoi(configs["segment.bytes"]); err == nil && n < minSegmentBytes {
		configs["segment.bytes"] = strconv.Itoa(minSegmentBytes)
	}
	return configs
}

// MetaTopicCommand returns the command that creates __meta, of one partition. A broker applies it at its start when the
// topic is missing.
func MetaTopicCommand(id TopicID, replicationFactor int16) CreateTopic {
	return CreateTopic{
		Name: MetaTopic, ID: id, Partitions: 1, ReplicationFactor: replicationFactor,
		Configs: FindInternalTopic(MetaTopic).NewConfigs(nil),
	}
}

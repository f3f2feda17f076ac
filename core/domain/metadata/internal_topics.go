package metadata

// MetaTopicCommand returns the command that makes the internal topic __meta, which wiring applies
// when the topic is missing. Its configs are the seed's.
func MetaTopicCommand(id TopicID, replicationFactor int16) CreateTopic {
	return CreateTopic{
		Name: MetaTopic, ID: id, Partitions: 1, ReplicationFactor: replicationFactor,
		Configs: map[string]string{
			"retention.ms":     "-1",
			"segment.bytes":    "52428800",
			"compression.type": "snappy",
			"cleanup.policy":   "compact",
		},
	}
}

package metadata

// MetaTopicCommand returns the command that creates the internal topic __meta. A broker applies it at its start when
// the topic is missing.
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

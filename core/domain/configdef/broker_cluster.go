package configdef

// brokerClusterKeys is about identity, topics and what a node does in the cluster.
var brokerClusterKeys = []Key{
	{
		Name: "node.id",
		Type: Int, Null: true, Valid: atLeast(0),
		Doc: "The id of this node in the cluster.",
	},
	{
		Name: "broker.id",
		Type: Int, Null: true,
		Doc: "The same as node.id, under its older name.",
	},
	{
		Name: "broker.rack",
		Type: String, Null: true,
		Doc: "The rack, zone or data centre that this broker is in. It goes into the metadata that clients get.",
	},
	{
		Name: "process.roles",
		Type: List, Default: "broker,controller", Valid: someOf("broker", "controller"),
		Use: Fixed,
		Doc: "What this node does. A standalone node is both broker and controller.",
	},
	{
		Name: "auto.create.topics.enable",
		Type: Boolean, Default: "true",
		Doc: "Whether a topic that a client asks about and that does not exist is created.",
	},
	{
		Name: "delete.topic.enable",
		Type: Boolean, Default: "true",
		Doc: "Whether topics can be deleted. If not, DeleteTopics is answered with TOPIC_DELETION_DISABLED.",
	},
	{
		Name: "num.partitions",
		Type: Int, Default: "1", Valid: atLeast(1),
		Doc: "The number of partitions of a topic that is created without one.",
	},
	{
		Name: "default.replication.factor",
		Type: Int, Default: "1",
		Doc: "The replication factor of a topic that is created without one.",
	},
	{
		Name: "create.topic.policy.class.name",
		Type: Class, Null: true,
		Use: Fixed,
		Doc: "A Java class that judges the creation of topics. This broker loads no Java classes.",
	},
	{
		Name: "alter.config.policy.class.name",
		Type: Class, Null: true,
		Use: Fixed,
		Doc: "A Java class that judges changes of configs. This broker loads no Java classes.",
	},
	{
		Name: "unclean.leader.election.enable",
		Type: Boolean, Default: "false",
		Update: ClusterWide,
		Doc: "Whether a replica that is not in sync may become leader when no other can; " +
			"see the topic's config of the same name.",
	},
	{
		Name: "min.insync.replicas",
		Type: Int, Default: "1", Valid: atLeast(1),
		Update: ClusterWide,
		Doc:    "How many replicas must be in sync for acks=all; see the topic's config of the same name.",
	},
	{
		Name: "auto.leader.rebalance.enable",
		Type: Boolean, Default: "true",
		Doc: "Whether leaderships go back to the preferred replicas from time to time.",
	},
	{
		Name: "leader.imbalance.check.interval.seconds",
		Type: Long, Default: "300", Valid: atLeast(1),
		Doc: "The interval, in seconds, at which the broker checks whether leaderships must go back.",
	},
	{
		Name: "controlled.shutdown.enable",
		Type: Boolean, Default: "true",
		Use: Shown,
		Doc: "Whether a broker hands over what it leads before it stops. This broker always does.",
	},
	{
		Name: "broker.heartbeat.interval.ms",
		Type: Int, Default: "200",
		Use: Shown, Decided: true,
		Doc: "The interval, in milliseconds, at which a broker of a cluster sends heartbeats to the controller.",
	},
	{
		Name: "broker.session.timeout.ms",
		Type: Int, Default: "2000",
		Use: Shown, Decided: true,
		Doc: "After how many milliseconds without a heartbeat a broker of a cluster is fenced. All brokers must have " +
			"the same: a broker stops to lead before others take over, and counts on that.",
	},
	{
		Name: "initial.broker.registration.timeout.ms",
		Type: Int, Default: "60000",
		Use: Shown,
		Doc: "For how many milliseconds a broker tries to register when it starts. This " +
			"broker tries until it is stopped.",
	},
	{
		Name: "max.request.partition.size.limit",
		Type: Int, Default: "2000", Valid: atLeast(1),
		Doc: "How many partitions at most one answer to DescribeTopicPartitions holds.",
	},
	{
		Name: "background.threads",
		Type: Int, Default: "10", Valid: atLeast(1),
		Use: Shown, Update: ClusterWide,
		Doc: "How many threads Kafka has for work in the background. This broker has no such pool.",
	},
	{
		Name: "config.providers",
		Type: List, Default: "",
		Use: Fixed, Update: ClusterWide,
		Doc: "Java classes that replace variables in configs. This broker loads no Java classes.",
	},
}

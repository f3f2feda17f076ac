package configdef

// brokerGroupKeys is about consumer groups and their offsets.
var brokerGroupKeys = []Key{
	{
		Name: "offsets.topic.num.partitions",
		Type: Int, Default: "50", Valid: atLeast(1),
		Doc: "How many partitions the internal topic __consumer_offsets gets when it is " +
			"created. It must not change afterwards.",
	},
	{
		Name: "offsets.topic.replication.factor",
		Type: Short, Default: "1", Valid: atLeast(1),
		Doc: "How many replicas __consumer_offsets gets when it is created. Kafka's default of 3 cannot be fulfilled " +
			"by one broker; it is 1 here.",
	},
	{
		Name: "offsets.topic.segment.bytes",
		Type: Int, Default: "104857600", Valid: atLeast(1),
		Doc: "The segment.bytes of __consumer_offsets, set when the topic is created.",
	},
	{
		Name: "offsets.topic.compression.codec",
		Type: Int, Default: "0",
		Use: Fixed,
		Doc: "How records in __consumer_offsets are compressed, by number; 0 stands for not at all.",
	},
	{
		Name: "offsets.load.buffer.size",
		Type: Int, Default: "5242880", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many bytes Kafka reads at once when it loads groups.",
	},
	{
		Name: "offsets.commit.timeout.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Doc: "For how many milliseconds a commit of offsets waits for its replicas.",
	},
	{
		Name: "offsets.retention.minutes",
		Type: Int, Default: "10080", Valid: atLeast(1),
		Doc: "For how many minutes the offsets of a group without members are kept, and those of a topic that a " +
			"group no longer subscribes to.",
	},
	{
		Name: "offsets.retention.check.interval.ms",
		Type: Long, Default: "600000", Valid: atLeast(1),
		Doc: "The interval, in milliseconds, at which expired offsets are removed.",
	},
	{
		Name: "offset.metadata.max.bytes",
		Type: Int, Default: "4096",
		Doc: "How long the metadata that comes with a committed offset may be, in bytes.",
	},
	{
		Name: "group.min.session.timeout.ms",
		Type: Int, Default: "6000",
		Doc: "The shortest session time-out that a member of a classic group may ask for, in milliseconds.",
	},
	{
		Name: "group.max.session.timeout.ms",
		Type: Int, Default: "1800000",
		Doc: "The longest session time-out that a member of a classic group may ask for, in milliseconds.",
	},
	{
		Name: "group.initial.rebalance.delay.ms",
		Type: Int, Default: "3000",
		Doc: "For how many milliseconds an empty classic group waits for more members before its first rebalance.",
	},
	{
		Name: "group.max.size",
		Type: Int, Default: "2147483647", Valid: atLeast(1),
		Doc: "How many members a classic group may have.",
	},
	{
		Name: "group.coordinator.rebalance.protocols",
		Type: List, Default: "classic", Valid: someOf("consumer", "classic", "share", "streams"),
		Use: Fixed,
		Doc: "The group protocols that are served. This broker serves the classic one.",
	},
	{
		Name: "group.coordinator.threads",
		Type: Int, Default: "4", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many threads Kafka's group coordinator has.",
	},
	{
		Name: "group.coordinator.background.threads",
		Type: Int, Default: "2", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many threads Kafka's group coordinator has for work in the background.",
	},
	{
		Name: "group.coordinator.append.linger.ms",
		Type: Int, Default: "-1", Valid: atLeast(-1),
		Use: Shown,
		Doc: "For how many milliseconds Kafka's group coordinator gathers writes; -1 stands " +
			"for as long as a write takes.",
	},
	{
		Name: "group.coordinator.cached.buffer.max.bytes",
		Type: Int, Default: "1048588", Valid: atLeast(524288),
		Use: Shown, Update: ClusterWide,
		Doc: "How large a buffer Kafka's group coordinator keeps for later use, in bytes.",
	},
	{
		Name: "group.consumer.session.timeout.ms",
		Type: Int, Default: "45000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The default of a group's consumer.session.timeout.ms.",
	},
	{
		Name: "group.consumer.min.session.timeout.ms",
		Type: Int, Default: "45000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The lower bound of a group's consumer.session.timeout.ms.",
	},
	{
		Name: "group.consumer.max.session.timeout.ms",
		Type: Int, Default: "60000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The upper bound of a group's consumer.session.timeout.ms.",
	},
	{
		Name: "group.consumer.heartbeat.interval.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The default of a group's consumer.heartbeat.interval.ms.",
	},
	{
		Name: "group.consumer.min.heartbeat.interval.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The lower bound of a group's consumer.heartbeat.interval.ms.",
	},
	{
		Name: "group.consumer.max.heartbeat.interval.ms",
		Type: Int, Default: "15000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The upper bound of a group's consumer.heartbeat.interval.ms.",
	},
	{
		Name: "group.consumer.assignment.interval.ms",
		Type: Int, Default: "1000", Valid: atLeast(0),
		Use: Shown, Update: ClusterWide,
		Doc: "The default of a group's consumer.assignment.interval.ms.",
	},
	{
		Name: "group.consumer.min.assignment.interval.ms",
		Type: Int, Default: "0", Valid: atLeast(0),
		Use: Shown,
		Doc: "The lower bound of a group's consumer.assignment.interval.ms.",
	},
	{
		Name: "group.consumer.max.assignment.interval.ms",
		Type: Int, Default: "15000", Valid: atLeast(0),
		Use: Shown,
		Doc: "The upper bound of a group's consumer.assignment.interval.ms.",
	},
	{
		Name: "group.consumer.max.size",
		Type: Int, Default: "2147483647", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many members a consumer group of the newer protocol may have.",
	},
	{
		Name: "group.consumer.assignors",
		Type: List, Default: "uniform,range",
		Use: Shown,
		Doc: "The assignors of the broker for consumer groups of the newer protocol, the default first.",
	},
	{
		Name: "group.consumer.migration.policy",
		Type: String, Default: "bidirectional", Valid: oneOfFold("DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"),
		Use: Shown,
		Doc: "Which way groups may change between the classic and the newer protocol while members are in them.",
	},
	{
		Name: "group.streams.session.timeout.ms",
		Type: Int, Default: "45000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The default of a group's streams.session.timeout.ms.",
	},
	{
		Name: "group.streams.min.session.timeout.ms",
		Type: Int, Default: "45000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The lower bound of a group's streams.session.timeout.ms.",
	},
	{
		Name: "group.streams.max.session.timeout.ms",
		Type: Int, Default: "60000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The upper bound of a group's streams.session.timeout.ms.",
	},
	{
		Name: "group.streams.heartbeat.interval.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The default of a group's streams.heartbeat.interval.ms.",
	},
	{
		Name: "group.streams.min.heartbeat.interval.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The lower bound of a group's streams.heartbeat.interval.ms.",
	},
	{
		Name: "group.streams.max.heartbeat.interval.ms",
		Type: Int, Default: "15000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The upper bound of a group's streams.heartbeat.interval.ms.",
	},
	{
		Name: "group.streams.assignment.interval.ms",
		Type: Int, Default: "1000", Valid: atLeast(0),
		Use: Shown, Update: ClusterWide,
		Doc: "The default of a group's streams.assignment.interval.ms.",
	},
	{
		Name: "group.streams.min.assignment.interval.ms",
		Type: Int, Default: "0", Valid: atLeast(0),
		Use: Shown,
		Doc: "The lower bound of a group's streams.assignment.interval.ms.",
	},
	{
		Name: "group.streams.max.assignment.interval.ms",
		Type: Int, Default: "15000", Valid: atLeast(0),
		Use: Shown,
		Doc: "The upper bound of a group's streams.assignment.interval.ms.",
	},
	{
		Name: "group.streams.num.standby.replicas",
		Type: Int, Default: "0", Valid: atLeast(0),
		Use: Shown,
		Doc: "The default of a group's streams.num.standby.replicas.",
	},
	{
		Name: "group.streams.max.standby.replicas",
		Type: Int, Default: "2", Valid: atLeast(0),
		Use: Shown,
		Doc: "The upper bound of a group's streams.num.standby.replicas.",
	},
	{
		Name: "group.streams.initial.rebalance.delay.ms",
		Type: Int, Default: "3000", Valid: atLeast(0),
		Use: Shown,
		Doc: "The default of a group's streams.initial.rebalance.delay.ms.",
	},
	{
		Name: "group.streams.max.size",
		Type: Int, Default: "2147483647", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many members a Streams group may have.",
	},
}

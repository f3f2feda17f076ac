package configdef

// brokerShareKeys is about share groups.
var brokerShareKeys = []Key{
	{
		Name: "group.share.session.timeout.ms",
		Type: Int, Default: "45000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The default of a group's share.session.timeout.ms.",
	},
	{
		Name: "group.share.min.session.timeout.ms",
		Type: Int, Default: "45000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The lower bound of a group's share.session.timeout.ms.",
	},
	{
		Name: "group.share.max.session.timeout.ms",
		Type: Int, Default: "60000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The upper bound of a group's share.session.timeout.ms.",
	},
	{
		Name: "group.share.heartbeat.interval.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The default of a group's share.heartbeat.interval.ms.",
	},
	{
		Name: "group.share.min.heartbeat.interval.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The lower bound of a group's share.heartbeat.interval.ms.",
	},
	{
		Name: "group.share.max.heartbeat.interval.ms",
		Type: Int, Default: "15000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The upper bound of a group's share.heartbeat.interval.ms.",
	},
	{
		Name: "group.share.assignment.interval.ms",
		Type: Int, Default: "1000", Valid: atLeast(0),
		Use: Shown, Update: ClusterWide,
		Doc: "The default of a group's share.assignment.interval.ms.",
	},
	{
		Name: "group.share.min.assignment.interval.ms",
		Type: Int, Default: "0", Valid: atLeast(0),
		Use: Shown,
		Doc: "The lower bound of a group's share.assignment.interval.ms.",
	},
	{
		Name: "group.share.max.assignment.interval.ms",
		Type: Int, Default: "15000", Valid: atLeast(0),
		Use: Shown,
		Doc: "The upper bound of a group's share.assignment.interval.ms.",
	},
	{
		Name: "group.share.record.lock.duration.ms",
		Type: Int, Default: "30000", Valid: between(1000, 3600000),
		Use: Shown,
		Doc: "The default of a group's share.record.lock.duration.ms.",
	},
	{
		Name: "group.share.min.record.lock.duration.ms",
		Type: Int, Default: "15000", Valid: between(1000, 30000),
		Use: Shown,
		Doc: "The lower bound of a group's share.record.lock.duration.ms.",
	},
	{
		Name: "group.share.max.record.lock.duration.ms",
		Type: Int, Default: "60000", Valid: between(30000, 3600000),
		Use: Shown,
		Doc: "The upper bound of a group's share.record.lock.duration.ms.",
	},
	{
		Name: "group.share.delivery.count.limit",
		Type: Int, Default: "5", Valid: between(2, 10),
		Use: Shown,
		Doc: "The default of a group's share.delivery.count.limit.",
	},
	{
		Name: "group.share.min.delivery.count.limit",
		Type: Int, Default: "2", Valid: between(2, 5),
		Use: Shown,
		Doc: "The lower bound of a group's share.delivery.count.limit.",
	},
	{
		Name: "group.share.max.delivery.count.limit",
		Type: Int, Default: "10", Valid: between(5, 25),
		Use: Shown,
		Doc: "The upper bound of a group's share.delivery.count.limit.",
	},
	{
		Name: "group.share.partition.max.record.locks",
		Type: Int, Default: "2000", Valid: between(100, 10000),
		Use: Shown,
		Doc: "The default of a group's share.partition.max.record.locks.",
	},
	{
		Name: "group.share.min.partition.max.record.locks",
		Type: Int, Default: "100", Valid: between(100, 2000),
		Use: Shown,
		Doc: "The lower bound of a group's share.partition.max.record.locks.",
	},
	{
		Name: "group.share.max.partition.max.record.locks",
		Type: Int, Default: "4000", Valid: between(2000, 10000),
		Use: Shown,
		Doc: "The upper bound of a group's share.partition.max.record.locks.",
	},
	{
		Name: "group.share.max.size",
		Type: Int, Default: "200", Valid: between(1, 1000),
		Use: Shown,
		Doc: "How many members a share group may have.",
	},
	{
		Name: "group.share.max.share.sessions",
		Type: Int, Default: "2000", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many share sessions a broker keeps.",
	},
	{
		Name: "group.share.assignors",
		Type: List, Default: "simple",
		Use: Shown,
		Doc: "The assignors of the broker for share groups.",
	},
	{
		Name: "share.coordinator.state.topic.num.partitions",
		Type: Int, Default: "50", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many partitions the internal topic __share_group_state gets when it is created.",
	},
	{
		Name: "share.coordinator.state.topic.replication.factor",
		Type: Short, Default: "1", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many replicas __share_group_state gets when it is created. Kafka's default of 3 cannot be " +
			"fulfilled by one broker; it is 1 here.",
	},
	{
		Name: "share.coordinator.state.topic.min.isr",
		Type: Short, Default: "1", Valid: atLeast(1),
		Use: Shown,
		Doc: "The min.insync.replicas of __share_group_state. Kafka's default of 2 cannot " +
			"be fulfilled by one broker; it is 1 here.",
	},
	{
		Name: "share.coordinator.state.topic.segment.bytes",
		Type: Int, Default: "104857600", Valid: atLeast(1),
		Use: Shown,
		Doc: "The segment.bytes of __share_group_state.",
	},
	{
		Name: "share.coordinator.state.topic.compression.codec",
		Type: Int, Default: "0",
		Use: Shown,
		Doc: "How records in __share_group_state are compressed, by number; 0 stands for not at all.",
	},
	{
		Name: "share.coordinator.snapshot.update.records.per.snapshot",
		Type: Int, Default: "500", Valid: between(0, 500),
		Use: Shown,
		Doc: "How many changes of a share group's state are written between two snapshots of it.",
	},
	{
		Name: "share.coordinator.write.timeout.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Use: Shown,
		Doc: "For how many milliseconds a write to __share_group_state waits for its replicas.",
	},
	{
		Name: "share.coordinator.load.buffer.size",
		Type: Int, Default: "5242880", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many bytes are read at once when the state of share groups is loaded.",
	},
	{
		Name: "share.coordinator.threads",
		Type: Int, Default: "1", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many threads Kafka's share coordinator has.",
	},
	{
		Name: "share.coordinator.append.linger.ms",
		Type: Int, Default: "-1", Valid: atLeast(-1),
		Use: Shown,
		Doc: "For how many milliseconds Kafka's share coordinator gathers writes; -1 stands " +
			"for as long as a write takes.",
	},
	{
		Name: "share.coordinator.cached.buffer.max.bytes",
		Type: Int, Default: "1048588", Valid: atLeast(524288),
		Use: Shown, Update: ClusterWide,
		Doc: "How large a buffer Kafka's share coordinator keeps for later use, in bytes.",
	},
}

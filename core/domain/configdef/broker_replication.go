package configdef

// brokerReplicationKeys is about replication between brokers.
var brokerReplicationKeys = []Key{
	{
		Name: "replica.lag.time.max.ms",
		Type: Long, Default: "30000",
		Doc: "After how many milliseconds behind the leader a follower counts as out of sync.",
	},
	{
		Name: "replica.fetch.max.bytes",
		Type: Int, Default: "1048576", Valid: atLeast(0),
		Doc: "How many bytes of one partition a follower fetches at once.",
	},
	{
		Name: "replica.fetch.response.max.bytes",
		Type: Int, Default: "10485760", Valid: atLeast(0),
		Doc: "How many bytes a follower fetches at once in all.",
	},
	{
		Name: "replica.fetch.min.bytes",
		Type: Int, Default: "1",
		Doc: "How many bytes a follower waits for.",
	},
	{
		Name: "replica.fetch.wait.max.ms",
		Type: Int, Default: "500",
		Doc: "For how many milliseconds a follower's fetch waits for new records.",
	},
	{
		Name: "replica.fetch.backoff.ms",
		Type: Int, Default: "1000", Valid: atLeast(0),
		Use: Shown,
		Doc: "For how many milliseconds a follower waits after a failed fetch.",
	},
	{
		Name: "replica.high.watermark.checkpoint.interval.ms",
		Type: Long, Default: "5000",
		Use: Shown,
		Doc: "The interval, in milliseconds, at which high watermarks are noted on disk.",
	},
	{
		Name: "replica.socket.timeout.ms",
		Type: Int, Default: "30000",
		Doc: "For how many milliseconds a follower waits for the leader's answer.",
	},
	{
		Name: "replica.socket.receive.buffer.bytes",
		Type: Int, Default: "65536",
		Use: Shown,
		Doc: "The size of the receive buffer of a follower's connections, in bytes.",
	},
	{
		Name: "replica.selector.class",
		Type: String, Null: true, Valid: oneOf("org.apache.kafka.common.replica.RackAwareReplicaSelector"),
		Doc: "What chooses the replica that a consumer reads from: null for the leader, or the one Java class whose " +
			"part this broker plays, for a replica in the rack that the consumer names in its client.rack. It has " +
			"to be the same on all brokers.",
	},
	{
		Name: "num.replica.fetchers",
		Type: Int, Default: "1", Valid: atLeast(1),
		Use: Shown, Update: ClusterWide,
		Doc: "How many threads fetch from each leader.",
	},
	{
		Name: "num.replica.alter.log.dirs.threads",
		Type: Int, Null: true,
		Use: Shown,
		Doc: "How many threads move replicas between log directories. This broker has one log directory.",
	},
	{
		Name: "leader.replication.throttled.rate",
		Type: Long, Null: true, Valid: atLeast(0),
		Update: ClusterWide, Unlisted: true,
		Doc: "How many bytes per second this broker sends of all partitions that " +
			"leader.replication.throttled.replicas names for it, to followers that are not in sync. What followers " +
			"in sync get is neither throttled nor, other than in Kafka, counted.",
	},
	{
		Name: "follower.replication.throttled.rate",
		Type: Long, Null: true, Valid: atLeast(0),
		Update: ClusterWide, Unlisted: true,
		Doc: "How many bytes per second this broker fetches for all replicas that " +
			"follower.replication.throttled.replicas names for it. Those that are in sync " +
			"count and are not throttled.",
	},
	{
		Name: "replica.alter.log.dirs.io.max.bytes.per.second",
		Type: Long, Null: true, Valid: atLeast(0),
		Use: Shown, Update: ClusterWide, Unlisted: true,
		Doc: "How many bytes per second replicas are moved at between log directories. This " +
			"broker has one log directory.",
	},
	{
		Name: "replication.quota.window.num",
		Type: Int, Default: "11", Valid: atLeast(1),
		Doc: "How many samples the measurement of throttled replication keeps.",
	},
	{
		Name: "replication.quota.window.size.seconds",
		Type: Int, Default: "1", Valid: atLeast(1),
		Doc: "How many seconds each of those samples spans.",
	},
	{
		Name: "alter.log.dirs.replication.quota.window.num",
		Type: Int, Default: "11", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many samples the measurement of moves between log directories keeps.",
	},
	{
		Name: "alter.log.dirs.replication.quota.window.size.seconds",
		Type: Int, Default: "1", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many seconds each of those samples spans.",
	},
}

package configdef

// brokerRemoteKeys is about tiered storage.
var brokerRemoteKeys = []Key{
	{
		Name: "remote.log.storage.system.enable", Type: Boolean, Default: "false", Use: Fixed,
		Doc: "Whether tiered storage is enabled. This broker has none.",
	},
	{
		Name: "remote.log.storage.manager.class.name", Type: String, Null: true, Valid: nonEmpty, Use: Shown,
		Doc: "The Java class that stores segments elsewhere. This broker loads no Java classes.",
	},
	{
		Name: "remote.log.storage.manager.class.path", Type: String, Null: true, Use: Shown,
		Doc: "Where that class is found.",
	},
	{
		Name: "remote.log.storage.manager.impl.prefix", Type: String, Default: "rsm.config.", Valid: nonEmpty, Use: Shown,
		Doc: "With what the names of that class's configs begin.",
	},
	{
		Name: "remote.log.metadata.manager.class.name", Type: String, Default: "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager",
		Valid: nonEmpty, Use: Shown,
		Doc: "The Java class that knows which segments are stored elsewhere. This broker loads no Java classes.",
	},
	{
		Name: "remote.log.metadata.manager.class.path", Type: String, Null: true, Use: Shown,
		Doc: "Where that class is found.",
	},
	{
		Name: "remote.log.metadata.manager.impl.prefix", Type: String, Default: "rlmm.config.", Valid: nonEmpty, Use: Shown,
		Doc: "With what the names of that class's configs begin.",
	},
	{
		Name: "remote.log.metadata.manager.listener.name", Type: String, Null: true, Valid: nonEmpty, Use: Shown,
		Doc: "The listener by which that class talks to the broker.",
	},
	{
		Name: "remote.log.metadata.custom.metadata.max.bytes", Type: Int, Default: "128", Valid: atLeast(0), Use: Shown,
		Doc: "How many bytes a storage manager may note with a segment.",
	},
	{
		Name: "remote.log.index.file.cache.total.size.bytes", Type: Long, Default: "1073741824", Valid: atLeast(1), Use: Shown, Update: ClusterWide,
		Doc: "How large the cache of indexes of segments elsewhere grows, in bytes.",
	},
	{
		Name: "remote.log.manager.task.interval.ms", Type: Long, Default: "30000", Valid: atLeast(1), Use: Shown,
		Doc: "At which interval, in milliseconds, segments are copied and expired.",
	},
	{
		Name: "remote.log.manager.thread.pool.size", Type: Int, Default: "2", Valid: atLeast(1), Use: Shown,
		Doc: "How many threads follow the state of partitions in tiered storage.",
	},
	{
		Name: "remote.log.manager.follower.thread.pool.size", Type: Int, Default: "2", Valid: atLeast(1), Use: Shown, Update: ClusterWide,
		Doc: "How many threads read what leaders have copied.",
	},
	{
		Name: "remote.log.manager.copier.thread.pool.size", Type: Int, Default: "10", Valid: atLeast(1), Use: Shown, Update: ClusterWide,
		Doc: "How many threads copy segments.",
	},
	{
		Name: "remote.log.manager.expiration.thread.pool.size", Type: Int, Default: "10", Valid: atLeast(1), Use: Shown, Update: ClusterWide,
		Doc: "How many threads remove expired segments.",
	},
	{
		Name: "remote.log.manager.copy.max.bytes.per.second", Type: Long, Default: "9223372036854775807",
		Valid: atLeast(1), Use: Shown, Update: ClusterWide,
		Doc: "How many bytes per second are copied.",
	},
	{
		Name: "remote.log.manager.copy.quota.window.num", Type: Int, Default: "11", Valid: atLeast(1), Use: Shown,
		Doc: "How many samples the measurement of copying keeps.",
	},
	{
		Name: "remote.log.manager.copy.quota.window.size.seconds", Type: Int, Default: "1", Valid: atLeast(1), Use: Shown,
		Doc: "How many seconds each of those samples spans.",
	},
	{
		Name: "remote.log.manager.fetch.max.bytes.per.second", Type: Long, Default: "9223372036854775807",
		Valid: atLeast(1), Use: Shown, Update: ClusterWide,
		Doc: "How many bytes per second are read from tiered storage.",
	},
	{
		Name: "remote.log.manager.fetch.quota.window.num", Type: Int, Default: "11", Valid: atLeast(1), Use: Shown,
		Doc: "How many samples the measurement of reading keeps.",
	},
	{
		Name: "remote.log.manager.fetch.quota.window.size.seconds", Type: Int, Default: "1", Valid: atLeast(1), Use: Shown,
		Doc: "How many seconds each of those samples spans.",
	},
	{
		Name: "remote.log.reader.threads", Type: Int, Default: "10", Valid: atLeast(1), Use: Shown, Update: ClusterWide,
		Doc: "How many threads read from tiered storage.",
	},
	{
		Name: "remote.log.reader.max.pending.tasks", Type: Int, Default: "100", Valid: atLeast(1), Use: Shown,
		Doc: "How many readings may wait for those threads.",
	},
	{
		Name: "remote.fetch.max.wait.ms", Type: Int, Default: "500", Valid: atLeast(1), Use: Shown, Update: ClusterWide,
		Doc: "For how many milliseconds a Fetch waits for tiered storage.",
	},
	{
		Name: "remote.list.offsets.request.timeout.ms", Type: Long, Default: "30000", Valid: atLeast(1), Use: Shown, Update: ClusterWide,
		Doc: "For how many milliseconds a ListOffsets waits for tiered storage.",
	},
	{
		Name: "follower.fetch.last.tiered.offset.enable", Type: Boolean, Default: "false", Use: Shown, Update: ClusterWide,
		Doc: "Whether a new follower begins at what is not in tiered storage yet.",
	},
}

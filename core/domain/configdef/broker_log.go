package configdef

// brokerLogKeys is about logs and the defaults of topics.
var brokerLogKeys = []Key{
	{
		Name: "log.dir",
		Type: List, Null: true,
		Use: Fixed,
		Doc: "Where logs are; log.dirs takes its place.",
	},
	{
		Name: "log.dirs",
		Type: List, Null: true,
		Doc: "The directory that holds the logs.",
	},
	{
		Name: "cordoned.log.dirs",
		Type: List, Default: "",
		Use: Fixed, Update: PerBroker,
		Doc: "Log directories that get no new partitions. This broker has one log directory.",
	},
	{
		Name: "log.dir.failure.timeout.ms",
		Type: Long, Default: "30000", Valid: atLeast(1),
		Use: Shown,
		Doc: "After how many milliseconds a broker stops that cannot tell the controller of a failed log directory.",
	},
	{
		Name: "num.recovery.threads.per.data.dir",
		Type: Int, Default: "2", Valid: atLeast(1),
		Use: Shown, Update: ClusterWide,
		Doc: "How many threads recover logs at the start and flush them at the end.",
	},
	{
		Name: "message.max.bytes",
		Type: Int, Default: "1048588", Valid: atLeast(0),
		Update: ClusterWide,
		Doc:    "The largest record batch that a topic takes, in bytes; see the topic's max.message.bytes.",
	},
	{
		Name: "compression.type",
		Type: String, Default: "producer", Valid: oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
		Update: ClusterWide,
		Doc:    "How record batches are compressed in logs; see the topic's config of the same name.",
	},
	{
		Name: "compression.gzip.level",
		Type: Int, Default: "-1", Valid: gzipLevel,
		Update: ClusterWide,
		Doc:    "The level for gzip; see the topic's config of the same name.",
	},
	{
		Name: "compression.lz4.level",
		Type: Int, Default: "9", Valid: between(1, 17),
		Update: ClusterWide,
		Doc:    "The level for lz4; see the topic's config of the same name.",
	},
	{
		Name: "compression.zstd.level",
		Type: Int, Default: "3", Valid: between(-131072, 22),
		Update: ClusterWide,
		Doc:    "The level for zstd; see the topic's config of the same name.",
	},
	{
		Name: "log.segment.bytes",
		Type: Int, Default: "1073741824", Valid: atLeast(1048576),
		Update: ClusterWide,
		Doc:    "How large a segment file grows, in bytes; see the topic's segment.bytes.",
	},
	{
		Name: "log.segment.delete.delay.ms",
		Type: Long, Default: "60000", Valid: atLeast(0),
		Update: ClusterWide,
		Doc:    "How many milliseconds a deleted segment's files stay on disk; see the topic's file.delete.delay.ms.",
	},
	{
		Name: "log.roll.ms",
		Type: Long, Null: true, Valid: atLeastNamed(1),
		Update: ClusterWide, Synonyms: rollTimes,
		Doc: "After how many milliseconds a segment is closed; see the topic's segment.ms. " +
			"It comes before log.roll.hours.",
	},
	{
		Name: "log.roll.hours",
		Type: Int, Default: "168", Valid: atLeast(1),
		Synonyms: rollTimes,
		Doc:      "After how many hours a segment is closed, when log.roll.ms is not set.",
	},
	{
		Name: "log.roll.jitter.ms",
		Type: Long, Null: true, Valid: atLeastNamed(0),
		Update: ClusterWide, Synonyms: rollJitters,
		Doc: "How many milliseconds at most are subtracted from that at random. It comes before log.roll.jitter.hours.",
	},
	{
		Name: "log.roll.jitter.hours",
		Type: Int, Default: "0", Valid: atLeast(0),
		Synonyms: rollJitters,
		Doc:      "How many hours at most are subtracted from that at random, when log.roll.jitter.ms is not set.",
	},
	{
		Name: "log.index.size.max.bytes",
		Type: Int, Default: "10485760", Valid: atLeast(4),
		Update: ClusterWide,
		Doc:    "How large an offset index grows, in bytes; see the topic's segment.index.bytes.",
	},
	{
		Name: "log.index.interval.bytes",
		Type: Int, Default: "4096", Valid: atLeast(0),
		Update: ClusterWide,
		Doc:    "How many bytes of records lie between two entries of an index; see the topic's index.interval.bytes.",
	},
	{
		Name: "log.preallocate",
		Type: Boolean, Default: "false",
		Use: Shown, Update: ClusterWide,
		Doc: "Whether disk space for a whole segment is reserved; see the topic's preallocate.",
	},
	{
		Name: "log.retention.ms",
		Type: Long, Null: true, Valid: unlimitedOrAtLeast(1),
		Update: ClusterWide, Synonyms: retentionTimes,
		Doc: "How many milliseconds records are kept; see the topic's retention.ms. It comes before " +
			"log.retention.minutes and log.retention.hours.",
	},
	{
		Name: "log.retention.minutes",
		Type: Int, Null: true, Valid: unlimitedOrAtLeast(1),
		Synonyms: retentionTimes,
		Doc:      "How many minutes records are kept, when log.retention.ms is not set.",
	},
	{
		Name: "log.retention.hours",
		Type: Int, Default: "168", Valid: unlimitedOrAtLeast(1),
		Synonyms: retentionTimes,
		Doc:      "How many hours records are kept, when neither log.retention.ms nor log.retention.minutes is set.",
	},
	{
		Name: "log.retention.bytes",
		Type: Long, Default: "-1",
		Update: ClusterWide,
		Doc:    "How large a partition may grow, in bytes; see the topic's retention.bytes.",
	},
	{
		Name: "log.retention.check.interval.ms",
		Type: Long, Default: "300000", Valid: atLeast(1),
		Doc: "The interval, in milliseconds, at which logs are checked for retention.",
	},
	{
		Name: "log.cleanup.policy",
		Type: List, Default: "delete", Valid: someOf("compact", "delete"),
		Update: ClusterWide,
		Doc:    "Whether old records are deleted, compacted or both; see the topic's cleanup.policy.",
	},
	{
		Name: "log.cleaner.enable",
		Type: Boolean, Default: "true",
		Use: Fixed,
		Doc: "Whether compacted topics are compacted. Internal topics would grow for ever if not.",
	},
	{
		Name: "log.cleaner.backoff.ms",
		Type: Long, Default: "15000", Valid: atLeast(0),
		Use: Shown, Update: ClusterWide,
		Doc: "For how many milliseconds Kafka's cleaner sleeps when there is nothing to compact. This broker looks " +
			"for what is to be compacted every log.retention.check.interval.ms.",
	},
	{
		Name: "log.cleaner.threads",
		Type: Int, Default: "1", Valid: atLeast(0),
		Use: Shown, Update: ClusterWide,
		Doc: "How many threads Kafka has for compaction.",
	},
	{
		Name: "log.cleaner.io.max.bytes.per.second",
		Type: Double, Default: "1.7976931348623157E308",
		Use: Shown, Update: ClusterWide,
		Doc: "How many bytes per second Kafka's cleaner reads and writes.",
	},
	{
		Name: "log.cleaner.io.buffer.size",
		Type: Int, Default: "524288", Valid: atLeast(0),
		Use: Shown, Update: ClusterWide,
		Doc: "How large the buffers of Kafka's cleaner are in all, in bytes.",
	},
	{
		Name: "log.cleaner.io.buffer.load.factor",
		Type: Double, Default: "0.9",
		Use: Shown, Update: ClusterWide,
		Doc: "How full the table of keys of Kafka's cleaner gets.",
	},
	{
		Name: "log.cleaner.dedupe.buffer.size",
		Type: Long, Default: "134217728",
		Use: Shown, Update: ClusterWide,
		Doc: "How much memory Kafka's cleaner has for its tables of keys in all, in bytes. This broker takes a " +
			"sixteenth of its own setting memory, 16 MiB at most.",
	},
	{
		Name: "log.cleaner.delete.retention.ms",
		Type: Long, Default: "86400000", Valid: atLeast(0),
		Update: ClusterWide,
		Doc:    "How many milliseconds tombstones are kept; see the topic's delete.retention.ms.",
	},
	{
		Name: "log.cleaner.min.cleanable.ratio",
		Type: Double, Default: "0.5", Valid: between(0, 1),
		Update: ClusterWide,
		Doc:    "Which share of a log must not be compacted yet; see the topic's min.cleanable.dirty.ratio.",
	},
	{
		Name: "log.cleaner.min.compaction.lag.ms",
		Type: Long, Default: "0", Valid: atLeast(0),
		Update: ClusterWide,
		Doc:    "For how many milliseconds records are not compacted; see the topic's min.compaction.lag.ms.",
	},
	{
		Name: "log.cleaner.max.compaction.lag.ms",
		Type: Long, Default: "9223372036854775807", Valid: atLeast(1),
		Update: ClusterWide,
		Doc:    "After how many milliseconds records are compacted; see the topic's max.compaction.lag.ms.",
	},
	{
		Name: "log.flush.interval.messages",
		Type: Long, Default: "9223372036854775807", Valid: atLeast(1),
		Update: ClusterWide,
		Doc: "After how many records a log is synced; see the topic's flush.messages. Once it is set, topics leave " +
			"this broker's sync of every acknowledged append.",
	},
	{
		Name: "log.flush.interval.ms",
		Type: Long, Null: true,
		Update: ClusterWide, Synonyms: flushIntervals,
		Doc: "After how many milliseconds records are synced; see the topic's flush.ms. " +
			"Null: as log.flush.scheduler.interval.ms. Once it is set, topics leave this " +
			"broker's sync of every acknowledged append.",
	},
	{
		Name: "log.flush.scheduler.interval.ms",
		Type: Long, Default: "9223372036854775807",
		Doc: "The value of log.flush.interval.ms when that is not set. In Kafka it is also the interval at which " +
			"logs are checked. Once it is set, topics leave this broker's sync of every acknowledged append.",
	},
	{
		Name: "log.flush.offset.checkpoint.interval.ms",
		Type: Int, Default: "60000", Valid: atLeast(0),
		Use: Shown,
		Doc: "The interval, in milliseconds, at which Kafka notes up to where logs are synced. This broker notes it " +
			"every minute, when its journal's space is reused, and at a clean stop.",
	},
	{
		Name: "log.flush.start.offset.checkpoint.interval.ms",
		Type: Int, Default: "60000", Valid: atLeast(0),
		Use: Shown,
		Doc: "The interval, in milliseconds, at which Kafka notes where logs start. This broker does so at once.",
	},
	{
		Name: "log.message.timestamp.type",
		Type: String, Default: "CreateTime", Valid: oneOf("CreateTime", "LogAppendTime"),
		Update: ClusterWide,
		Doc:    "Whose time a record's timestamp is; see the topic's message.timestamp.type.",
	},
	{
		Name: "log.message.timestamp.before.max.ms",
		Type: Long, Default: "9223372036854775807", Valid: atLeast(0),
		Update: ClusterWide,
		Doc:    "How old a timestamp may be, in milliseconds; see the topic's message.timestamp.before.max.ms.",
	},
	{
		Name: "log.message.timestamp.after.max.ms",
		Type: Long, Default: "3600000", Valid: atLeast(0),
		Update: ClusterWide,
		Doc: "How far in the future a timestamp may be, in milliseconds; see the topic's " +
			"message.timestamp.after.max.ms.",
	},
	{
		Name: "log.local.retention.bytes",
		Type: Long, Default: "-2", Valid: atLeast(-2),
		Use: Shown, Update: ClusterWide,
		Doc: "How many bytes of a partition in tiered storage stay here; see the topic's local.retention.bytes.",
	},
	{
		Name: "log.local.retention.ms",
		Type: Long, Default: "-2", Valid: atLeast(-2),
		Use: Shown, Update: ClusterWide,
		Doc: "How many milliseconds a segment in tiered storage stays here; see the topic's local.retention.ms.",
	},
}

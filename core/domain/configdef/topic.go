package configdef

import (
	"maps"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Topic is the configs of a topic.
var Topic = newTable(topicKeys)

var topicKeys = []Key{
	{
		Name: "cleanup.policy",
		Type: List, Default: "delete", Valid: someOf("compact", "delete"),
		Broker: "log.cleanup.policy",
		Doc: "What happens to old records: delete removes segments that are past retention.ms or retention.bytes; " +
			"compact keeps the newest record of each key. Both may be given. An empty list keeps everything.",
	},
	{
		Name: "compression.gzip.level",
		Type: Int, Default: "-1", Valid: gzipLevel,
		Broker: "compression.gzip.level",
		Doc:    "The level at which the broker compresses when compression.type is gzip; -1 is gzip's own default.",
	},
	{
		Name: "compression.lz4.level",
		Type: Int, Default: "9", Valid: between(1, 17),
		Broker: "compression.lz4.level",
		Doc:    "The level at which the broker compresses when compression.type is lz4.",
	},
	{
		Name: "compression.type",
		Type: String, Default: "producer", Valid: oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
		Broker: "compression.type",
		Doc: "How record batches are compressed in the log. producer keeps what the producer has chosen; with any " +
			"other value the broker compresses again what comes in otherwise.",
	},
	{
		Name: "compression.zstd.level",
		Type: Int, Default: "3", Valid: between(-131072, 22),
		Broker: "compression.zstd.level",
		Doc:    "The level at which the broker compresses when compression.type is zstd.",
	},
	{
		Name: "delete.retention.ms",
		Type: Long, Default: "86400000", Valid: atLeast(0),
		Broker: "log.cleaner.delete.retention.ms",
		Doc: "How long, in milliseconds, a compacted topic keeps tombstones (records without value). A consumer that " +
			"reads from the start must reach the end within this time to see every deletion.",
	},
	{
		Name: "file.delete.delay.ms",
		Type: Long, Default: "60000", Valid: atLeast(0),
		Broker: "log.segment.delete.delay.ms",
		Doc:    "How long, in milliseconds, a deleted segment's files stay on disk.",
	},
	{
		Name: "flush.messages",
		Type: Long, Default: "9223372036854775807", Valid: atLeast(1),
		Broker: "log.flush.interval.messages",
		Doc: "After how many records the log is synced to disk. By default this broker syncs every acknowledged " +
			"append (see flush in its configuration); a topic that sets flush.messages or flush.ms is synced by " +
			"these two only, as in Kafka, and acknowledges before the sync unless flush.messages is 1.",
	},
	{
		Name: "flush.ms",
		Type: Long, Default: "9223372036854775807", Valid: atLeast(0),
		Broker: "log.flush.interval.ms",
		Doc: "After how many milliseconds at most appended records are synced to disk. Setting it takes the topic " +
			"out of the broker's sync of every acknowledged append; see flush.messages.",
	},
	{
		Name: "follower.replication.throttled.replicas",
		Type: List, Default: "", Valid: throttledReplicas,
		Doc: "The replicas whose fetching as followers is throttled while they are not in " +
			"sync, as partition:broker, or * for all of them, by the broker's " +
			"follower.replication.throttled.rate. Tools that move partitions set and " +
			"remove it.",
	},
	{
		Name: "index.interval.bytes",
		Type: Int, Default: "4096", Valid: atLeast(0),
		Broker: "log.index.interval.bytes",
		Doc:    "About how many bytes of records lie between two entries of the offset index.",
	},
	{
		Name: "leader.replication.throttled.replicas",
		Type: List, Default: "", Valid: throttledReplicas,
		Doc: "The replicas whose sending as leaders, to followers that are not in sync, is throttled, as " +
			"partition:broker, or * for all of them, by the broker's leader.replication.throttled.rate. Tools that " +
			"move partitions set and remove it.",
	},
	{
		Name: "local.retention.bytes",
		Type: Long, Default: "-2", Valid: atLeast(-2),
		Use: Shown, Broker: "log.local.retention.bytes",
		Doc: "How many bytes of a partition in tiered storage stay on the local disk; -2 means retention.bytes. It " +
			"has an effect only with remote.storage.enable.",
	},
	{
		Name: "local.retention.ms",
		Type: Long, Default: "-2", Valid: atLeast(-2),
		Use: Shown, Broker: "log.local.retention.ms",
		Doc: "How many milliseconds a segment in tiered storage stays on the local disk; -2 means retention.ms. It " +
			"has an effect only with remote.storage.enable.",
	},
	{
		Name: "max.compaction.lag.ms",
		Type: Long, Default: "9223372036854775807", Valid: atLeast(1),
		Broker: "log.cleaner.max.compaction.lag.ms",
		Doc:    "After how many milliseconds at most a record of a compacted topic is compacted.",
	},
	{
		Name: "max.message.bytes",
		Type: Int, Default: "1048588", Valid: atLeast(0),
		Broker: "message.max.bytes",
		Doc:    "The largest record batch that the topic takes, in bytes, compressed, its header counted.",
	},
	{
		Name: "message.timestamp.after.max.ms",
		Type: Long, Default: "3600000", Valid: atLeast(0),
		Broker: "log.message.timestamp.after.max.ms",
		Doc: "How many milliseconds a record's timestamp may be ahead of the broker's clock when " +
			"message.timestamp.type is CreateTime. Records further ahead are refused.",
	},
	{
		Name: "message.timestamp.before.max.ms",
		Type: Long, Default: "9223372036854775807", Valid: atLeast(0),
		Broker: "log.message.timestamp.before.max.ms",
		Doc: "How many milliseconds a record's timestamp may be behind the broker's clock when " +
			"message.timestamp.type is CreateTime. Records further behind are refused.",
	},
	{
		Name: "message.timestamp.type",
		Type: String, Default: "CreateTime", Valid: oneOf("CreateTime", "LogAppendTime"),
		Broker: "log.message.timestamp.type",
		Doc: "Whether a record's timestamp is the producer's (CreateTime) or the time at " +
			"which the broker appends it (LogAppendTime).",
	},
	{
		Name: "min.cleanable.dirty.ratio",
		Type: Double, Default: "0.5", Valid: between(0, 1),
		Broker: "log.cleaner.min.cleanable.ratio",
		Doc:    "Which share of a compacted log must not have been compacted yet before it is compacted again.",
	},
	{
		Name: "min.compaction.lag.ms",
		Type: Long, Default: "0", Valid: atLeast(0),
		Broker: "log.cleaner.min.compaction.lag.ms",
		Doc:    "For how many milliseconds at least a record of a compacted topic is left alone.",
	},
	{
		Name: "min.insync.replicas",
		Type: Int, Default: "1", Valid: atLeast(1),
		Broker: "min.insync.replicas",
		Doc: "How many replicas, the leader counted, must be in sync for a producer with acks=all to be served. With " +
			"fewer it gets NOT_ENOUGH_REPLICAS.",
	},
	{
		Name: "preallocate",
		Type: Boolean, Default: "false",
		Use: Shown, Broker: "log.preallocate",
		Doc: "Whether Kafka reserves the disk space of a whole segment when the segment is begun. Here it is the " +
			"journal whose files are reserved, for all partitions; segments are written behind it.",
	},
	{
		Name: "remote.log.copy.disable",
		Type: Boolean, Default: "false",
		Use: Shown,
		Doc: "Whether a topic in tiered storage stops copying segments there. It has an " +
			"effect only with remote.storage.enable.",
	},
	{
		Name: "remote.log.delete.on.disable",
		Type: Boolean, Default: "false",
		Use: Shown,
		Doc: "Whether a topic that leaves tiered storage loses what it had there. It has an " +
			"effect only with remote.storage.enable.",
	},
	{
		Name: "remote.storage.enable",
		Type: Boolean, Default: "false",
		Use: Fixed,
		Doc: "Whether the topic uses tiered storage, which this broker does not have.",
	},
	{
		Name: "retention.bytes",
		Type: Long, Default: "-1",
		Broker: "log.retention.bytes",
		Doc: "How large a partition may grow, in bytes, before its oldest segments are " +
			"deleted; a negative number stands for no limit.",
	},
	{
		Name: "retention.ms",
		Type: Long, Default: "604800000", Valid: atLeast(-1),
		Broker: "log.retention.ms",
		Doc: "After how many milliseconds a segment's records may be deleted, counted from " +
			"its newest timestamp; -1 stands for never.",
	},
	{
		Name: "segment.bytes",
		Type: Int, Default: "1073741824", Valid: atLeast(1 << 20),
		Broker: "log.segment.bytes",
		Doc: "How large a segment file grows, in bytes. Retention and compaction work on " +
			"whole segments that are closed.",
	},
	{
		Name: "segment.index.bytes",
		Type: Int, Default: "10485760", Valid: atLeast(4),
		Broker: "log.index.size.max.bytes",
		Doc:    "How large a segment's offset index grows, in bytes, before a new segment is begun.",
	},
	{
		Name: "segment.jitter.ms",
		Type: Long, Default: "0", Valid: atLeast(0),
		Broker: "log.roll.jitter.ms",
		Doc: "How many milliseconds at most, chosen at random, a segment is closed before " +
			"segment.ms, so that not all are closed at once.",
	},
	{
		Name: "segment.ms",
		Type: Long, Default: "604800000", Valid: atLeast(1),
		Broker: "log.roll.ms",
		Doc: "After how many milliseconds a segment is closed even when it is not full, so " +
			"that retention and compaction can reach it.",
	},
	{
		Name: "unclean.leader.election.enable",
		Type: Boolean, Default: "false",
		Broker: "unclean.leader.election.enable",
		Doc: "Whether a replica that is not in sync may become leader when no other can, which loses records. A " +
			"partition with one replica never needs it.",
	},
}

// ValidateTopic returns a fault.InvalidConfig, with Kafka's message, when no topic may have the value.
func ValidateTopic(key, value string) error {
	k, ok := Topic.Key(key)
	if !ok {
		return unknownTopicConfig(key)
	}
	if key == "remote.storage.enable" {
		if enabled, err := k.Parse(value); err == nil && enabled == true {
			return fault.New(fault.InvalidConfig,
				"Tiered Storage functionality is disabled in the broker. "+
					"Topic cannot be configured with remote log storage.")
		}
	}
	return k.Check(value)
}

// ValidateTopicConfigs checks a topic's own configs one by one and against each other. A config that is not set counts
// with its default here; ConflictOfTopic compares effective values.
func ValidateTopicConfigs(own map[string]string) error {
	names := slices.Sorted(maps.Keys(own))
	for _, name := range names {
		if _, ok := Topic.Key(name); !ok {
			return unknownTopicConfig(name)
		}
	}
	for _, name := range names {
		if err := ValidateTopic(name, own[name]); err != nil {
			return err
		}
	}
	return ConflictOfTopic(func(name string) string {
		if value, ok := own[name]; ok {
			return value
		}
		return Topic.byName[name].Default
	})
}

// ConflictOfTopic returns a fault.InvalidConfig when a topic's effective configs, each of which is valid,
// contradict each other.
func ConflictOfTopic(effective func(name string) string) error {
	low, high := topicLong("min.compaction.lag.ms", effective), topicLong("max.compaction.lag.ms", effective)
	if low > high {
		return fault.New(fault.InvalidConfig,
			"conflict topic config setting min.compaction.lag.ms (%d) > max.compaction.lag.ms (%d)", low, high)
	}
	return nil
}

// topicLong returns a number that has been validated.
func topicLong(name string, effective func(name string) string) int64 {
	value, err := Topic.byName[name].Parse(effective(name))
	if err != nil {
		return 0
	}
	return value.(int64)
}

func unknownTopicConfig(name string) error {
	return fault.New(fault.InvalidConfig, "Unknown topic config name: %s", name)
}

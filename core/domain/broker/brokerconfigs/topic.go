package brokerconfigs

import (
	"math"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/quota"
	"github.com/chronik-stream/chronik/core/ports"
)

// TopicConfig is the part of a topic's configs that the write path needs.
type TopicConfig struct {
	MaxMessageBytes    int
	LogAppendTime      bool
	TimestampBeforeMax int64  // milliseconds
	TimestampAfterMax  int64  // milliseconds
	CompressionType    string // "producer", "uncompressed", "gzip", …
	CompressionLevel   int
	Compacted          bool
	MinInSyncReplicas  int
	LeaderThrottle     Throttle // for records that this broker sends to followers that are not in sync
	FollowerThrottle   Throttle // for records that it fetches as a follower
	Log                ports.LogConfig
}

// Throttle limits the bandwidth of replication (KIP-73).
type Throttle struct {
	Replicas quota.Replicas // the topic's throttled replicas on this broker
	Rate     int64          // bytes per second, for all throttled replicas of the broker; math.MaxInt64 for no limit
}

// Topic returns the effective configs of a topic with these configs of its own, resolved for the write path.
func (c *Configs) Topic(own map[string]string) TopicConfig {
	r := c.current()
	if len(own) == 0 {
		return r.topic
	}
	return r.topicConfig(own, c.flush, c.nodeID)
}

// topicConfig resolves the configs of a topic, for broker nodeID.
func (r *resolvedConfigs) topicConfig(own map[string]string, node ports.FlushPolicy, nodeID int32) TopicConfig {
	of := func(key string) any { return r.topicValue(own, key) }
	number := func(key string) int64 { return of(key).(int64) }
	duration := func(key string) time.Duration { return Millis(number(key)) }
	replicas := func(key string) quota.Replicas { return quota.ReplicasOn(nodeID, of(key).([]string)) }
	policies := of("cleanup.policy").([]string)
	t := TopicConfig{
		MaxMessageBytes:    int(number("max.message.bytes")),
		LogAppendTime:      of("message.timestamp.type") == "LogAppendTime",
		TimestampBeforeMax: number("message.timestamp.before.max.ms"),
		TimestampAfterMax:  number("message.timestamp.after.max.ms"),
		CompressionType:    of("compression.type").(string),
		Compacted:          slices.Contains(policies, "compact"),
		MinInSyncReplicas:  int(number("min.insync.replicas")),
		LeaderThrottle: Throttle{
			replicas("leader.replication.throttled.replicas"),
			r.limit("leader.replication.throttled.rate"),
		},
		FollowerThrottle: Throttle{
			replicas("follower.replication.throttled.replicas"),
			r.limit("follower.replication.throttled.rate"),
		},
		Log: ports.LogConfig{
			Compact:              slices.Contains(policies, "compact"),
			Delete:               slices.Contains(policies, "delete"),
			SegmentBytes:         number("segment.bytes"),
			SegmentAge:           duration("segment.ms"),
			SegmentJitter:        duration("segment.jitter.ms"),
			IndexIntervalBytes:   number("index.interval.bytes"),
			IndexBytes:           number("segment.index.bytes"),
			RetentionAge:         duration("retention.ms"),
			RetentionBytes:       number("retention.bytes"),
			FileDeleteDelay:      duration("file.delete.delay.ms"),
			DeleteRetention:      duration("delete.retention.ms"),
			MinCompactionLag:     duration("min.compaction.lag.ms"),
			MaxCompactionLag:     duration("max.compaction.lag.ms"),
			MinCleanableRatio:    of("min.cleanable.dirty.ratio").(float64),
			FlushMessages:        number("flush.messages"),
			FlushAge:             duration("flush.ms"),
			Flush:                r.flushPolicy(own, number("flush.messages"), node),
			ProducerIDExpiration: Millis(r.int("producer.id.expiration.ms")),
		},
	}
	switch t.CompressionType {
	case "gzip", "lz4", "zstd":
		t.CompressionLevel = int(number("compression." + t.CompressionType + ".level"))
	}
	return t
}

// flushPolicy returns when an append counts as durable. Kafka syncs only as flush.messages and flush.ms say, and
// acknowledges records before that. If one of them is set, for the topic or for brokers, it is the same here;
// flush.messages=1 means a sync before each acknowledgement.
func (r *resolvedConfigs) flushPolicy(own map[string]string, messages int64, node ports.FlushPolicy) ports.FlushPolicy {
	_, ownMessages := own["flush.messages"]
	_, ownAge := own["flush.ms"]
	switch {
	case !ownMessages && !ownAge && !r.flushSet:
		return node
	case messages == 1:
		return ports.FlushSync
	default:
		return ports.FlushOS
	}
}

// topicValue returns the effective value of a topic's config: its own, else the broker's, else the default.
func (r *resolvedConfigs) topicValue(own map[string]string, key string) any {
	k, _ := configdef.Topic.Key(key) // the callers name configs that exist
	if text, ok := own[key]; ok {
		if value, err := k.Parse(text); err == nil { // configs in the metadata were checked, perhaps by another version
			return value
		}
	}
	if k.Broker != "" {
		return r.value(k.Broker).parsed
	}
	value, _ := k.Parse(k.Default)
	return value
}

// Millis returns n milliseconds, at most the longest time.Duration.
func Millis(n int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	if n > most {
		return math.MaxInt64
	}
	return time.Duration(n) * time.Millisecond
}

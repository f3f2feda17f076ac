package configdef

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Group is the configs of a group of the newer protocols (KIP-848, KIP-932, KIP-1071). Classic groups have none.
var Group = newTable(groupKeys)

var groupKeys = []Key{
	{
		Name: "consumer.session.timeout.ms",
		Type: Int, Default: "45000", Valid: atLeast(1),
		Use: Shown, Broker: "group.consumer.session.timeout.ms",
		Doc: "After how many milliseconds without a heartbeat a consumer is taken out of the group.",
	},
	{
		Name: "consumer.heartbeat.interval.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Use: Shown, Broker: "group.consumer.heartbeat.interval.ms",
		Doc: "The interval, in milliseconds, at which a consumer is told to send heartbeats.",
	},
	{
		Name: "consumer.assignment.interval.ms",
		Type: Int, Default: "1000", Valid: atLeast(0),
		Use: Shown, Broker: "group.consumer.assignment.interval.ms",
		Doc: "How many milliseconds lie at least between two assignments of a consumer group.",
	},
	{
		Name: "share.session.timeout.ms",
		Type: Int, Default: "45000", Valid: atLeast(1),
		Use: Shown, Broker: "group.share.session.timeout.ms",
		Doc: "After how many milliseconds without a heartbeat a share consumer is taken out of the group.",
	},
	{
		Name: "share.heartbeat.interval.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Use: Shown, Broker: "group.share.heartbeat.interval.ms",
		Doc: "The interval, in milliseconds, at which a share consumer is told to send heartbeats.",
	},
	{
		Name: "share.assignment.interval.ms",
		Type: Int, Default: "1000", Valid: atLeast(0),
		Use: Shown, Broker: "group.share.assignment.interval.ms",
		Doc: "How many milliseconds lie at least between two assignments of a share group.",
	},
	{
		Name: "share.record.lock.duration.ms",
		Type: Int, Default: "30000", Valid: atLeast(1000),
		Use: Shown, Broker: "group.share.record.lock.duration.ms",
		Doc: "For how many milliseconds a record that a share consumer has acquired is kept for it.",
	},
	{
		Name: "share.delivery.count.limit",
		Type: Int, Default: "5", Valid: atLeast(2),
		Use: Shown, Broker: "group.share.delivery.count.limit",
		Doc: "How often a record is delivered to a share group before the group gives it up.",
	},
	{
		Name: "share.partition.max.record.locks",
		Type: Int, Default: "2000", Valid: atLeast(100),
		Use: Shown, Broker: "group.share.partition.max.record.locks",
		Doc: "How many records of one partition a share group may have under way at once.",
	},
	{
		Name: "share.auto.offset.reset",
		Type: String, Default: "latest", Valid: shareOffsetReset,
		Use: Shown,
		Doc: "Where a share group begins to read a partition: latest, earliest, or by_duration: and a length of time " +
			"in ISO 8601, such as by_duration:PT1H.",
	},
	{
		Name: "share.isolation.level",
		Type: String, Default: "read_uncommitted", Valid: oneOf("read_committed", "read_uncommitted"),
		Use: Shown,
		Doc: "Whether a share group reads the records of open and aborted transactions " +
			"(read_uncommitted) or not (read_committed).",
	},
	{
		Name: "share.renew.acknowledge.enable",
		Type: Boolean, Default: "true",
		Use: Shown,
		Doc: "Whether share consumers may prolong the time for which a record is kept for them (KIP-1222).",
	},
	{
		Name: "streams.session.timeout.ms",
		Type: Int, Default: "45000", Valid: atLeast(1),
		Use: Shown, Broker: "group.streams.session.timeout.ms",
		Doc: "After how many milliseconds without a heartbeat a Streams client is taken out of the group.",
	},
	{
		Name: "streams.heartbeat.interval.ms",
		Type: Int, Default: "5000", Valid: atLeast(1),
		Use: Shown, Broker: "group.streams.heartbeat.interval.ms",
		Doc: "The interval, in milliseconds, at which a Streams client is told to send heartbeats.",
	},
	{
		Name: "streams.assignment.interval.ms",
		Type: Int, Default: "1000", Valid: atLeast(0),
		Use: Shown, Broker: "group.streams.assignment.interval.ms",
		Doc: "How many milliseconds lie at least between two assignments of a Streams group.",
	},
	{
		Name: "streams.num.standby.replicas",
		Type: Int, Default: "0", Valid: atLeast(0),
		Use: Shown, Broker: "group.streams.num.standby.replicas",
		Doc: "How many standby copies of each stateful task a Streams group keeps.",
	},
	{
		Name: "streams.initial.rebalance.delay.ms",
		Type: Int, Default: "3000", Valid: atLeast(0),
		Use: Shown, Broker: "group.streams.initial.rebalance.delay.ms",
		Doc: "How many milliseconds an empty Streams group waits for more members before its first assignment.",
	},
}

// groupBounds are the broker configs between which a group's configs must lie.
var groupBounds = []struct{ key, low, high string }{
	{
		"consumer.heartbeat.interval.ms", "group.consumer.min.heartbeat.interval.ms",
		"group.consumer.max.heartbeat.interval.ms",
	},
	{"consumer.session.timeout.ms", "group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"},
	{
		"consumer.assignment.interval.ms", "group.consumer.min.assignment.interval.ms",
		"group.consumer.max.assignment.interval.ms",
	},
	{"share.heartbeat.interval.ms", "group.share.min.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms"},
	{"share.session.timeout.ms", "group.share.min.session.timeout.ms", "group.share.max.session.timeout.ms"},
	{
		"share.assignment.interval.ms", "group.share.min.assignment.interval.ms",
		"group.share.max.assignment.interval.ms",
	},
	{
		"share.record.lock.duration.ms", "group.share.min.record.lock.duration.ms",
		"group.share.max.record.lock.duration.ms",
	},
	{"share.delivery.count.limit", "group.share.min.delivery.count.limit", "group.share.max.delivery.count.limit"},
	{
		"share.partition.max.record.locks", "group.share.min.partition.max.record.locks",
		"group.share.max.partition.max.record.locks",
	},
	{
		"streams.heartbeat.interval.ms", "group.streams.min.heartbeat.interval.ms",
		"group.streams.max.heartbeat.interval.ms",
	},
	{"streams.session.timeout.ms", "group.streams.min.session.timeout.ms", "group.streams.max.session.timeout.ms"},
	{
		"streams.assignment.interval.ms", "group.streams.min.assignment.interval.ms",
		"group.streams.max.assignment.interval.ms",
	},
	{"streams.num.standby.replicas", "", "group.streams.max.standby.replicas"},
}

// groupSessions are pairs of configs: the first must be larger than the second.
var groupSessions = [][2]string{
	{"consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"},
	{"share.session.timeout.ms", "share.heartbeat.interval.ms"},
	{"streams.session.timeout.ms", "streams.heartbeat.interval.ms"},
}

// ValidateGroup returns a fault.InvalidConfig, with Kafka's message, when no group may have the value.
func ValidateGroup(key, value string) error {
	k, ok := Group.Key(key)
	if !ok {
		return unknownGroupConfig(key)
	}
	return k.Check(value)
}

// ValidateGroupConfigs checks a group's own configs one by one. ConflictOfGroup checks effective values against each
// other.
func ValidateGroupConfigs(own map[string]string) error {
	names := slices.Sorted(maps.Keys(own))
	for _, name := range names {
		if _, ok := Group.Key(name); !ok {
			return unknownGroupConfig(name)
		}
	}
	for _, name := range names {
		if err := ValidateGroup(name, own[name]); err != nil {
			return err
		}
	}
	return nil
}

// ConflictOfGroup returns a fault.InvalidConfig when a group's effective configs lie outside the bounds that the
// broker's configs set, or contradict each other.
func ConflictOfGroup(effective, broker func(name string) int64) error {
	for _, b := range groupBounds {
		n := effective(b.key)
		if b.low != "" && n < broker(b.low) {
			return fault.New(fault.InvalidConfig, "%s must be greater than or equal to %s", b.key, b.low)
		}
		if n > broker(b.high) {
			return fault.New(fault.InvalidConfig, "%s must be less than or equal to %s", b.key, b.high)
		}
	}
	for _, pair := range groupSessions {
		if effective(pair[0]) <= effective(pair[1]) {
			return fault.New(fault.InvalidConfig, "%s must be greater than %s", pair[0], pair[1])
		}
	}
	return nil
}

// ConflictOfBroker is ConflictOfGroup for the broker configs that are the groups' defaults.
func ConflictOfBroker(broker func(name string) int64) error {
	for _, b := range groupBounds {
		name := Group.byName[b.key].Broker
		n := broker(name)
		if b.low != "" && n < broker(b.low) {
			return fault.New(fault.InvalidRequest, "%s must be greater than or equal to %s", name, b.low)
		}
		if n > broker(b.high) {
			return fault.New(fault.InvalidRequest, "%s must be less than or equal to %s", name, b.high)
		}
	}
	return nil
}

func unknownGroupConfig(name string) error {
	return fault.New(fault.InvalidConfig, "Unknown group config name: %s", name)
}

// isoDuration matches a duration in ISO 8601 as Java's Duration reads it, without negative ones, which are not allowed
// here.
var isoDuration = regexp.MustCompile(`(?i)^P([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+([.,][0-9]{0,9})?S)?)?$`)

// shareOffsetReset allows earliest, latest, and by_duration with a duration.
var shareOffsetReset = Rule{"[latest, earliest, by_duration:PnDTnHnMn.nS]", func(key string, value any) (any, string) {
	text := value.(string)
	if text == "latest" || text == "earliest" {
		return nil, ""
	}
	length, ok := strings.CutPrefix(text, "by_duration:")
	if ok && isoDuration.MatchString(length) && strings.ContainsAny(length, "0123456789") &&
		!strings.HasSuffix(strings.ToUpper(length), "T") {
		return nil, ""
	}
	return value, "Invalid value `" + text + "` for configuration " + key +
		". The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
}}

package configdef_test

import (
	"testing"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// The messages are those that Apache Kafka 4.3.1 has answered.
func TestTopicConfigsAreRefusedWithKafkasMessages(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"foo", "1", "Unknown topic config name: foo"},
		{"message.format.version", "3.0", "Unknown topic config name: message.format.version"},
		{"retention.ms", "x", "Invalid value x for configuration retention.ms: Not a number of type LONG"},
		{"retention.ms", "", "Invalid value  for configuration retention.ms: Not a number of type LONG"},
		{"retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"},
		{"retention.ms", " 5 ", ""},
		{"retention.ms", "-1", ""},
		{
			"retention.ms", "99999999999999999999",
			"Invalid value 99999999999999999999 for configuration retention.ms: Not a number of type LONG",
		},
		{"retention.bytes", "-5", ""},
		{"segment.bytes", "5", "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576"},
		{
			"segment.bytes", "99999999999",
			"Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT",
		},
		{
			"preallocate", "maybe",
			"Invalid value maybe for configuration preallocate: Expected value to be either true or false",
		},
		{"preallocate", "TRUE", ""},
		{
			"min.cleanable.dirty.ratio", "1.5",
			"Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
		},
		{
			"min.cleanable.dirty.ratio", "2",
			"Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
		},
		{
			"min.cleanable.dirty.ratio", "NaN",
			"Invalid value NaN for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE",
		},
		{
			"cleanup.policy", "foo",
			"Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
		},
		{
			"cleanup.policy", "compact,foo",
			"Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
		},
		{
			"cleanup.policy", "COMPACT",
			"Invalid value COMPACT for configuration cleanup.policy: String must be one of: compact, delete",
		},
		{"cleanup.policy", "compact,", "Configuration 'cleanup.policy' values must not be empty."},
		{"cleanup.policy", "compact, delete", ""},
		{"cleanup.policy", "compact,compact", ""},
		{"cleanup.policy", "", ""},
		{
			"compression.type", "GZIP", "Invalid value GZIP for configuration compression.type: " +
				"String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
		},
		{
			"compression.gzip.level", "0",
			"Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
		},
		{"compression.gzip.level", "-1", ""},
		{
			"compression.lz4.level", "18",
			"Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17",
		},
		{
			"message.timestamp.type", "x",
			"Invalid value x for configuration message.timestamp.type: String must be one of: CreateTime, " +
				"LogAppendTime",
		},
		{"leader.replication.throttled.replicas", "*", ""},
		{"leader.replication.throttled.replicas", "", ""},
		{"leader.replication.throttled.replicas", "0:1,1:2", ""}, // Kafka 4.3.1 refuses more than one, by mistake
		{
			"leader.replication.throttled.replicas", "a:b", "Invalid value a:b for configuration " +
				"leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal " +
				"'*' or a list of replicas in the following format: " +
				"[partitionId]:[brokerId],[partitionId]:[brokerId],...",
		},
		{
			"remote.storage.enable", "true",
			"Tiered Storage functionality is disabled in the broker. " +
				"Topic cannot be configured with remote log storage.",
		},
		{"remote.storage.enable", "false", ""},
		{
			"remote.storage.enable", "yes",
			"Invalid value yes for configuration remote.storage.enable: Expected value to be either true or false",
		},
		{"remote.log.copy.disable", "true", ""},
		{
			"local.retention.ms", "-3",
			"Invalid value -3 for configuration local.retention.ms: Value must be at least -2",
		},
	} {
		check(t, configdef.ValidateTopic(c.key, c.value), c.key+"="+c.value, c.want, fault.InvalidConfig)
	}
}

func TestGroupConfigsAreRefusedWithKafkasMessages(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"foo", "1", "Unknown group config name: foo"},
		{
			"consumer.session.timeout.ms", "x",
			"Invalid value x for configuration consumer.session.timeout.ms: Not a number of type INT",
		},
		{
			"consumer.session.timeout.ms", "0",
			"Invalid value 0 for configuration consumer.session.timeout.ms: Value must be at least 1",
		},
		{
			"share.isolation.level", "x",
			"Invalid value x for configuration share.isolation.level: String must be one of: read_committed, " +
				"read_uncommitted",
		},
		{"share.auto.offset.reset", "by_duration:PT1H", ""},
		{"share.auto.offset.reset", "by_duration:P2DT3H4M5.5S", ""},
		{"share.auto.offset.reset", "by_duration:P1DT", wrongReset("by_duration:P1DT")},
		{"share.auto.offset.reset", "by_duration:P", wrongReset("by_duration:P")},
		{"share.auto.offset.reset", "by_duration:-PT1H", wrongReset("by_duration:-PT1H")},
		{"share.auto.offset.reset", "x", wrongReset("x")},
	} {
		check(t, configdef.ValidateGroup(c.key, c.value), c.key+"="+c.value, c.want, fault.InvalidConfig)
	}
}

func wrongReset(value string) string {
	return "Invalid value " + value + " for configuration share.auto.offset.reset: Invalid value `" + value +
		"` for configuration share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the " +
		"format 'by_duration:<PnDTnHnMn.nS>'."
}

func TestClientMetricsConfigsAreRefusedWithKafkasMessages(t *testing.T) {
	for _, c := range []struct {
		key, value, want string
		kind             fault.Kind
	}{
		{"foo", "1", "Unknown client metrics configuration: foo", fault.InvalidRequest},
		{
			"interval.ms", "x", "Invalid value x for configuration interval.ms: Not a number of type INT",
			fault.InvalidConfig,
		},
		{
			"interval.ms", "5", "Invalid value 5 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
			fault.InvalidRequest,
		},
		{"interval.ms", "1000", "", fault.None},
		{"match", "foo", "Illegal client matching pattern: foo", fault.InvalidConfig},
		{"match", "client_id", "Illegal client matching pattern: client_id", fault.InvalidConfig},
		{"match", "client_id=a=b", "Illegal client matching pattern: client_id=a=b", fault.InvalidConfig},
		{"match", "client_id=a[", "Illegal client matching pattern: client_id=a[", fault.InvalidConfig},
		{"match", " client_id = a.* ,client_software_name=x", "", fault.None},
		{"match", "client_source_address=x,", "Configuration 'match' values must not be empty.", fault.InvalidConfig},
		{"metrics", "*", "", fault.None},
		{"metrics", "", "", fault.None},
	} {
		check(t, configdef.ValidateClientMetrics(c.key, c.value), c.key+"="+c.value, c.want, c.kind)
	}
}

func TestBrokerConfigsAreRefusedWithKafkasMessages(t *testing.T) {
	for _, c := range []struct {
		key, value, want string
		kind             fault.Kind
	}{
		{"foo", "1", "Unknown broker config name: foo", fault.InvalidConfig}, // Kafka keeps it for a plugin
		{
			"num.io.threads", "x", "Invalid value x for configuration num.io.threads: Not a number of type INT",
			fault.InvalidRequest,
		},
		{
			"num.io.threads", "0", "Invalid value 0 for configuration num.io.threads: Value must be at least 1",
			fault.InvalidRequest,
		},
		{"num.io.threads", "9", "", fault.None},
		{"log.retention.ms", "-2", "", fault.None},
		{
			"log.retention.ms", "0", "Invalid value 0 for configuration log.retention.ms: " +
				"log.retention.ms must be unlimited (-1) or, greater than or equal to 1", fault.InvalidRequest,
		},
		{
			"log.roll.ms", "0",
			"Invalid value 0 for configuration log.roll.ms: log.roll.ms must be greater than or equal to 1",
			fault.InvalidRequest,
		},
		{
			"log.cleaner.min.cleanable.ratio", "2",
			"Invalid value 2.0 for configuration log.cleaner.min.cleanable.ratio: Value must be no more than 1",
			fault.InvalidRequest,
		},
		{"max.connections.per.ip.overrides", "", "", fault.None},
		{
			"max.connections.per.ip.overrides", "[::1]:5,host:0", "Invalid value [::1]:5,host:0 for configuration " +
				"max.connections.per.ip.overrides: This broker supports only the empty value", fault.InvalidRequest,
		},
		{
			"max.connections.per.ip.overrides", "abc", "Invalid value abc for configuration " +
				"max.connections.per.ip.overrides: Value must be a list of host:number", fault.InvalidRequest,
		},
		{
			"leader.replication.throttled.rate", "-5",
			"Invalid value -5 for configuration leader.replication.throttled.rate: Value must be at least 0",
			fault.InvalidRequest,
		},
		{
			"metric.reporters", "foo.Bar",
			"Invalid value foo.Bar for configuration metric.reporters: This broker supports only " +
				"org.apache.kafka.common.metrics.JmxReporter",
			fault.InvalidRequest,
		},
		{"ssl.keystore.location", "/tmp/x", "", fault.None},
		{
			"ssl.client.auth", "x",
			"Invalid value x for configuration ssl.client.auth: String must be one of: required, requested, none",
			fault.InvalidRequest,
		},
		{"sasl.enabled.mechanisms", "GSSAPI", "", fault.None},
		{"sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-512", "", fault.None},
		{"sasl.kerberos.min.time.before.relogin", "-10", "", fault.None},
		{
			"sasl.login.refresh.buffer.seconds", "99999",
			"Invalid value 99999 for configuration sasl.login.refresh.buffer.seconds: Not a number of type SHORT",
			fault.InvalidRequest,
		},
		{"remote.fetch.max.wait.ms", "7", "", fault.None},
		{
			"remote.fetch.max.wait.ms", "0",
			"Invalid value 0 for configuration remote.fetch.max.wait.ms: Value must be at least 1",
			fault.InvalidRequest,
		},
		{
			"remote.log.storage.manager.impl.prefix", "", "Invalid value  for configuration " +
				"remote.log.storage.manager.impl.prefix: String must be non-empty", fault.InvalidRequest,
		},
		{
			"remote.log.storage.system.enable", "true",
			"Invalid value true for configuration remote.log.storage.system.enable: This broker supports only false",
			fault.InvalidRequest,
		},
		{
			"authorizer.class.name", "a.B",
			"Invalid value a.B for configuration authorizer.class.name: This broker supports only the empty value",
			fault.InvalidRequest,
		},
		{"listener.name.internal.ssl.keystore.location", "/tmp/x", "", fault.None},
		{"listener.name.internal.plain.sasl.jaas.config", "x", "", fault.None},
		{
			"listener.name.internal.ssl.client.auth", "x",
			"Invalid value x for configuration ssl.client.auth: String must be one of: required, requested, none",
			fault.InvalidRequest,
		},
		{
			"listener.name.internal.max.connections", "5",
			"This broker has no limits of single listeners: set max.connections", fault.InvalidRequest,
		},
	} {
		check(t, configdef.ValidateBroker(c.key, c.value), c.key+"="+c.value, c.want, c.kind)
	}
}

func check(t *testing.T, err error, what, want string, kind fault.Kind) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	if err == nil || err.Error() != want {
		t.Errorf("%s: got %v, want %s", what, err, want)
	}
	if got := fault.KindOf(err); got != kind {
		t.Errorf("%s: kind %v, want %v", what, got, kind)
	}
}

func TestConfigsThatContradictEachOtherAreRefused(t *testing.T) {
	err := configdef.ValidateTopicConfigs(map[string]string{
		"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5",
	})
	check(t, err, "lags", "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)",
		fault.InvalidConfig)

	err = configdef.ValidateTopicConfigs(map[string]string{"a": "1", "retention.ms": "x"})
	check(t, err, "unknown name first", "Unknown topic config name: a", fault.InvalidConfig)

	check(t, configdef.ValidateTopicConfigs(map[string]string{"min.compaction.lag.ms": "10"}), "one lag",
		"", fault.None)

	group := func(own map[string]string) error {
		effective := func(name string) int64 { return number(t, configdef.Group, own, name) }
		broker := func(name string) int64 { return number(t, configdef.Broker, nil, name) }
		return configdef.ConflictOfGroup(effective, broker)
	}
	check(t, group(nil), "defaults", "", fault.None)
	check(t, group(map[string]string{"consumer.session.timeout.ms": "1"}), "low",
		"consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
		fault.InvalidConfig)
	check(t, group(map[string]string{"streams.num.standby.replicas": "3"}), "high",
		"streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
		fault.InvalidConfig)
}

func number(t *testing.T, table *configdef.Table, own map[string]string, name string) int64 {
	t.Helper()
	k, ok := table.Key(name)
	if !ok {
		t.Fatalf("no config %s", name)
	}
	text, ok := own[name]
	if !ok {
		text = k.Default
	}
	n, err := k.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return n.(int64)
}

func TestReadOnlyAndPerBrokerConfigsAreRefusedWhereTheyCannotBeSet(t *testing.T) {
	check(t, configdef.ValidateBrokerConfigs(map[string]string{
		"num.partitions": "3", "log.retention.hours": "4", "num.io.threads": "9",
	}, true),
		"read-only", "Cannot update these configs dynamically: [log.retention.hours, num.partitions]",
		fault.InvalidRequest)
	check(t, configdef.ValidateBrokerConfigs(map[string]string{"sasl.enabled.mechanisms": "GSSAPI"}, false),
		"per broker",
		"Cannot update these configs at default cluster level, broker id must be specified: "+
			"[sasl.enabled.mechanisms]", fault.InvalidRequest)
	check(t, configdef.ValidateBrokerConfigs(map[string]string{
		"sasl.enabled.mechanisms": "GSSAPI", "log.retention.ms": "5",
	}, true), "fine", "", fault.None)
	check(t, configdef.ValidateBrokerConfigs(map[string]string{
		"ssl.keystore.location": "/x", "ssl.client.auth": "none",
	}, true), "for a listener",
		"These security configs can be dynamically updated only per-listener using the listener prefix: "+
			"[ssl.keystore.location]", fault.InvalidRequest)
	check(t, configdef.ValidateBrokerConfigs(map[string]string{"listener.name.a.ssl.keystore.location": "/x"}, true),
		"of a listener", "", fault.None)
	check(t, configdef.ValidateBrokerConfigs(map[string]string{"listener.name.a.foo": "/x"}, false),
		"of a listener on all brokers",
		"Cannot update these configs at default cluster level, broker id must be specified: [listener.name.a.foo]",
		fault.InvalidRequest)
}

// As in Kafka: they may be those of plug-ins.
func TestUnknownBrokerConfigsAreTakenWhileBrokersRunOnly(t *testing.T) {
	for _, name := range []string{"foo", "my.plugin.url", "listener.name.", "listener.name.x"} {
		for _, perBroker := range []bool{true, false} {
			check(t, configdef.ValidateBrokerConfigs(map[string]string{name: "x"}, perBroker), name, "", fault.None)
		}
	}
	check(t, configdef.ValidateBroker("my.plugin.url", "x"), "at the start",
		"Unknown broker config name: my.plugin.url", fault.InvalidConfig)
}

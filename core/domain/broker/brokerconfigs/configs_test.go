package brokerconfigs

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/quota"
	"github.com/chronik-stream/chronik/core/ports"
)

func text(s string) *string { return &s }

func set(key, value string) ConfigOp      { return ConfigOp{key, OpSet, &value} }
func appendTo(key, value string) ConfigOp { return ConfigOp{key, OpAppend, &value} }
func takeFrom(key, value string) ConfigOp { return ConfigOp{key, OpSubtract, &value} }
func remove(key string) ConfigOp          { return ConfigOp{Name: key, Op: OpDelete} }
func plain() ConfigResource               { return ConfigResource{metadata.ResourceTopic, "plain"} }
func thisBroker() ConfigResource          { return ConfigResource{metadata.ResourceBroker, "1"} }
func allBrokers() ConfigResource          { return ConfigResource{metadata.ResourceBroker, ""} }

// The messages are the answers of Apache Kafka 4.3.1, except where a comment says otherwise.
func TestAlterRefusesWithKafkasMessages(t *testing.T) {
	group, subscription := ConfigResource{metadata.ResourceGroup, "g"},
		ConfigResource{metadata.ResourceClientMetrics, "cm"}
	loggers := ConfigResource{ResourceBrokerLogger, "1"}
	for _, c := range []struct {
		of   ConfigResource
		ops  []ConfigOp
		kind fault.Kind
		want string
	}{
		{
			plain(),
			[]ConfigOp{set("foo", "1"), set("retention.ms", "x")},
			fault.InvalidConfig,
			"Unknown topic config name: foo",
		},
		{
			plain(),
			[]ConfigOp{set("retention.ms", "x")},
			fault.InvalidConfig,
			"Invalid value x for configuration retention.ms: Not a number of type LONG",
		},
		{
			plain(),
			[]ConfigOp{{"retention.ms", OpSet, nil}},
			fault.InvalidRequest,
			"Null value not supported for : retention.ms",
		},
		{
			plain(),
			[]ConfigOp{set("retention.ms", "1"), set("retention.ms", "2")},
			fault.InvalidRequest,
			"Error due to duplicate config keys",
		},
		{
			plain(),
			[]ConfigOp{appendTo("retention.ms", "5")},
			fault.InvalidConfig,
			"Can't APPEND to key retention.ms because its type is not LIST.",
		},
		{
			plain(),
			[]ConfigOp{takeFrom("foo", "5")},
			fault.InvalidConfig,
			"Can't SUBTRACT to key foo because its type is not LIST.",
		},
		// Kafka: UNKNOWN_SERVER_ERROR
		{plain(), []ConfigOp{{"retention.ms", 7, text("5")}}, fault.InvalidRequest, "Unknown operations type 7"},
		{
			plain(),
			[]ConfigOp{set("min.compaction.lag.ms", "10"), set("max.compaction.lag.ms", "5")},
			fault.InvalidConfig,
			"conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)",
		},
		{
			plain(),
			[]ConfigOp{set("remote.storage.enable", "true")},
			fault.InvalidConfig,
			"Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
		},
		{
			ConfigResource{metadata.ResourceTopic, "nope"},
			[]ConfigOp{set("retention.ms", "1")},
			fault.UnknownTopicOrPartition,
			"The topic 'nope' does not exist.",
		},
		{
			ConfigResource{metadata.ResourceTopic, ""},
			[]ConfigOp{set("retention.ms", "1")},
			fault.InvalidRequest,
			"Default topic resources are not allowed.",
		},
		{
			thisBroker(),
			[]ConfigOp{set("num.io.threads", "x")},
			fault.InvalidRequest,
			"Invalid value x for configuration num.io.threads: Not a number of type INT",
		},
		{
			thisBroker(),
			[]ConfigOp{appendTo("num.io.threads", "9")},
			fault.InvalidConfig,
			"Config value append is not allowed for config key: num.io.threads",
		},
		{
			thisBroker(),
			[]ConfigOp{set("num.partitions", "3")},
			fault.InvalidRequest,
			"Cannot update these configs dynamically: [num.partitions]",
		},
		{
			allBrokers(),
			[]ConfigOp{set("sasl.enabled.mechanisms", "GSSAPI")},
			fault.InvalidRequest,
			"Cannot update these configs at default cluster level, broker id must be specified: [sasl.enabled.mechanisms]",
		},
		{
			thisBroker(),
			[]ConfigOp{set("group.consumer.assignment.interval.ms", "20000")},
			fault.InvalidRequest,
			"group.consumer.assignment.interval.ms must be less than or equal to group.consumer.max.assignment.interval.ms",
		},
		{
			ConfigResource{metadata.ResourceBroker, "x"},
			[]ConfigOp{set("num.io.threads", "9")},
			fault.InvalidRequest,
			"Node id must be an integer, but it is: x",
		},
		{
			ConfigResource{metadata.ResourceBroker, "2"},
			[]ConfigOp{set("num.io.threads", "9")},
			fault.InvalidRequest,
			"Unexpected broker id, expected 1, but received 2",
		},
		{group, []ConfigOp{set("foo", "1")}, fault.InvalidConfig, "Unknown group config name: foo"},
		{
			group,
			[]ConfigOp{set("consumer.session.timeout.ms", "1")},
			fault.InvalidConfig,
			"consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
		},
		{
			ConfigResource{metadata.ResourceGroup, ""},
			[]ConfigOp{set("consumer.session.timeout.ms", "45000")},
			fault.InvalidRequest, "Default group resources are not allowed.",
		},
		{subscription, []ConfigOp{set("foo", "1")}, fault.InvalidRequest, "Unknown client metrics configuration: foo"},
		{
			ConfigResource{metadata.ResourceClientMetrics, ""},
			[]ConfigOp{set("interval.ms", "1000")},
			fault.InvalidRequest,
			"Subscription name can't be empty",
		},
		{
			loggers,
			[]ConfigOp{set("root", "x")},
			fault.InvalidConfig,
			"Cannot set the log level of root to x as it is not a supported log level. " +
				"Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
		},
		{
			loggers,
			[]ConfigOp{remove("root")},
			fault.InvalidRequest,
			"Removing the log level of the root logger is not allowed",
		},
		{loggers, []ConfigOp{set("nope", "DEBUG")}, fault.InvalidConfig, "Logger nope does not exist!"},
		{
			loggers,
			[]ConfigOp{appendTo("root", "INFO")},
			fault.InvalidRequest,
			"APPEND operation is not allowed for the BROKER_LOGGER resource",
		},
		{
			ConfigResource{ResourceBrokerLogger, ""},
			[]ConfigOp{set("root", "INFO")},
			fault.InvalidRequest,
			"Node id must be an integer, but it is: ",
		},
		{ConfigResource{3, "1"}, []ConfigOp{set("root", "INFO")}, fault.InvalidRequest, "Unknown resource type 3"},
	} {
		f := newConfigsFixture(t, nil)
		before := f.store.Image()
		err := f.configs.Alter(t.Context(), c.of, c.ops, false)
		if err == nil || err.Error() != c.want || fault.KindOf(err) != c.kind {
			t.Errorf("%v %v: got %v %v, want %v %s", c.of, c.ops, fault.KindOf(err), err, c.kind, c.want)
		}
		if f.store.Image() != before {
			t.Errorf("%v %v: refused, but the metadata has changed", c.of, c.ops)
		}
	}
}

// laggingStore is metadata whose image changes at a Barrier only.
type laggingStore struct {
	ports.MetadataStore
	known atomic.Pointer[metadata.Image]
}

func (s *laggingStore) Image() *metadata.Image { return s.known.Load() }

func (s *laggingStore) Barrier(context.Context) error {
	s.known.Store(s.MetadataStore.Image())
	return nil
}

func TestBrokersThatAppendToOneListAtOnceLoseNothing(t *testing.T) {
	f := newConfigsFixture(t, nil)
	const brokers, each = 3, 20
	var want []string
	var appending sync.WaitGroup
	for b := range brokers {
		store := &laggingStore{MetadataStore: f.store}
		store.known.Store(f.store.Image())
		configs, err := NewConfigs(store, 1, Static{}, ports.FlushSync, f.level, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for n := range each {
			want = append(want, fmt.Sprintf("%d:%d", n, b))
		}
		appending.Go(func() {
			for n := range each {
				op := appendTo("leader.replication.throttled.replicas", fmt.Sprintf("%d:%d", n, b))
				if err := configs.Alter(t.Context(), ConfigResource{metadata.ResourceTopic, "plain"}, []ConfigOp{op},
					false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	appending.Wait()
	topic, _ := f.store.Image().Topic("plain")
	got := strings.Split(topic.Configs["leader.replication.throttled.replicas"], ",")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the list is %v", got)
	}
}

func TestAlterChangesSingleConfigsAndReplaceAllOfThem(t *testing.T) {
	f := newConfigsFixture(t, nil)
	own := func() map[string]string { return f.store.Image().Configs(metadata.ResourceTopic, "plain") }
	alter := func(ops ...ConfigOp) {
		t.Helper()
		if err := f.configs.Alter(t.Context(), plain(), ops, false); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, own()); diff != "" {
			t.Fatalf("configs (-want +got):\n%s", diff)
		}
	}
	alter(appendTo("cleanup.policy", "compact"), set("retention.ms", "5"))
	expect(map[string]string{"cleanup.policy": "delete,compact", "retention.ms": "5"})
	alter(appendTo("cleanup.policy", "compact"), remove("retention.ms"), remove("unknown.keys.can.go"))
	expect(map[string]string{"cleanup.policy": "delete,compact"})
	alter(takeFrom("cleanup.policy", "delete,compact"))
	expect(map[string]string{"cleanup.policy": ""})

	if err := f.configs.Alter(t.Context(), plain(), []ConfigOp{set("retention.ms", "7")}, true); err != nil {
		t.Fatal(err)
	}
	expect(map[string]string{"cleanup.policy": ""})

	if err := f.configs.Replace(t.Context(), plain(), map[string]*string{"segment.ms": text("9")}, false); err != nil {
		t.Fatal(err)
	}
	expect(map[string]string{"segment.ms": "9"})
	for _, c := range []struct {
		of     ConfigResource
		config map[string]*string
		want   string
	}{
		{plain(), map[string]*string{"retention.ms": nil}, "Null value not supported for : retention.ms"},
		{
			plain(),
			map[string]*string{"retention.ms": text("x")},
			"Invalid value x for configuration retention.ms: Not a number of type LONG",
		},
		{ConfigResource{ResourceBrokerLogger, "1"}, map[string]*string{"root": text("INFO")}, "Unknown resource type 8"},
	} {
		if err := f.configs.Replace(t.Context(), c.of, c.config, false); err == nil || err.Error() != c.want {
			t.Errorf("replace %v: got %v, want %s", c.of, err, c.want)
		}
	}
	if err := f.configs.Replace(t.Context(), plain(), nil, false); err != nil {
		t.Fatal(err)
	}
	expect(nil)
}

func TestDescribeRefusesResourcesAsKafkaDoes(t *testing.T) {
	f := newConfigsFixture(t, nil)
	for of, want := range map[ConfigResource]string{
		{metadata.ResourceTopic, ""}:         "Topic name is invalid: the empty string is not allowed",
		{metadata.ResourceTopic, "nope"}:     fault.UnknownTopicOrPartition.Error(),
		{metadata.ResourceBroker, "x"}:       "Broker id must be an integer, but it is: x",
		{metadata.ResourceBroker, "2"}:       "Unexpected broker id, expected 1 or empty string, but received 2",
		{ResourceBrokerLogger, ""}:           "Broker id must not be empty",
		{ResourceBrokerLogger, "2"}:          "Unexpected broker id, expected 1 but received 2",
		{metadata.ResourceGroup, ""}:         "Group name must not be empty",
		{metadata.ResourceClientMetrics, ""}: "Client metrics subscription name must not be empty",
		{3, "a"}:                             "Unsupported resource type: 3",
	} {
		if _, err := f.configs.Describe(t.Context(), of, nil, true, true); err == nil || err.Error() != want {
			t.Errorf("%v: got %v, want %s", of, err, want)
		}
	}
	entries, err := f.configs.Describe(t.Context(), plain(), []string{"nope", "retention.ms"}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	want := []ConfigEntry{{
		Name: "retention.ms", Value: text("604800000"), Default: true, Source: SourceDefault,
		Type: int8(configdef.Long),
	}}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Errorf("two keys (-want +got):\n%s", diff)
	}
}

func TestTheLogLevelIsShownAndSet(t *testing.T) {
	f := newConfigsFixture(t, nil)
	loggers := ConfigResource{ResourceBrokerLogger, "1"}
	for _, c := range []struct {
		name  string
		level slog.Level
	}{{"DEBUG", slog.LevelDebug}, {"ERROR", slog.LevelError}, {"TRACE", slog.LevelDebug - 4}, {"INFO", slog.LevelInfo}} {
		if err := f.configs.Alter(t.Context(), loggers, []ConfigOp{set("root", c.name)}, false); err != nil {
			t.Fatal(err)
		}
		if f.level.Level() != c.level {
			t.Errorf("%s: level %v, want %v", c.name, f.level.Level(), c.level)
		}
		got, err := f.configs.Describe(t.Context(), loggers, nil, true, true)
		if err != nil {
			t.Fatal(err)
		}
		want := []ConfigEntry{{Name: "root", Value: text(c.name), Source: SourceBrokerLogger}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if err := f.configs.Alter(t.Context(), loggers, []ConfigOp{set("root", "WARN")}, true); err != nil ||
		f.level.Level() != slog.LevelInfo {
		t.Errorf("validating set the level %v, error %v", f.level.Level(), err)
	}
}

func TestTheMoreSpecificSettingWins(t *testing.T) {
	f := newConfigsFixture(t, map[string]string{
		"log.retention.hours": "2", "log.roll.hours": "3",
		"auto.create.topics.enable": "FALSE", "broker.rack": " r1 ",
	})
	expect := func(why string, got, want int64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", why, got, want)
		}
	}
	retention := func() int64 { return f.ownTopic().Log.RetentionAge.Milliseconds() }
	const hour = int64(60 * 60 * 1000)
	expect("hours", retention(), 2*hour)
	expect("hours of the broker", f.configs.Int("log.retention.ms"), 2*hour)
	expect("roll hours", f.ownTopic().Log.SegmentAge.Milliseconds(), 3*hour)
	if f.configs.Bool("auto.create.topics.enable") || !f.configs.Bool("delete.topic.enable") ||
		f.configs.String("broker.rack") != "r1" {
		t.Error("static booleans and texts are not taken")
	}
	if got := f.configs.String("inter.broker.listener.name"); got != "" {
		t.Errorf("null is %q", got)
	}
	f.alter(t, metadata.ResourceBroker, "", "log.retention.ms", "30")
	expect("the cluster's milliseconds before static hours", retention(), 30)
	f.alter(t, metadata.ResourceBroker, "1", "log.retention.ms", "20")
	expect("this broker before the cluster", retention(), 20)
	f.alter(t, metadata.ResourceTopic, "plain", "retention.ms", "10")
	expect("the topic before brokers", retention(), 10)
	expect("other topics", f.configs.Topic(nil).Log.RetentionAge.Milliseconds(), 20)
	f.alter(t, metadata.ResourceBroker, "1", "log.retention.ms", "-7")
	expect("negative: no limit", f.configs.Int("log.retention.ms"), -1)
	f.alter(t, metadata.ResourceTopic, "plain", "segment.ms", "9223372036854775807")
	expect("no overflow", int64(f.ownTopic().Log.SegmentAge), math.MaxInt64)
}

func TestTopicConfigsAreResolvedForTheWritePath(t *testing.T) {
	f := newConfigsFixture(t, nil)
	got := f.ownTopic()
	want := TopicConfig{
		MaxMessageBytes: 1048588, TimestampBeforeMax: math.MaxInt64, TimestampAfterMax: 3600000, CompressionType: "producer",
		MinInSyncReplicas: 1,
		LeaderThrottle:    Throttle{Rate: math.MaxInt64}, FollowerThrottle: Throttle{Rate: math.MaxInt64},
		Log: ports.LogConfig{
			Delete: true, SegmentBytes: 1 << 30, SegmentAge: 7 * 24 * time.Hour, IndexIntervalBytes: 4096, IndexBytes: 10 << 20,
			RetentionAge: 7 * 24 * time.Hour, RetentionBytes: -1, FileDeleteDelay: time.Minute, DeleteRetention: 24 * time.Hour,
			MaxCompactionLag: math.MaxInt64, MinCleanableRatio: 0.5, FlushMessages: math.MaxInt64, FlushAge: math.MaxInt64,
			ProducerIDExpiration: 24 * time.Hour,
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(quota.Replicas{})); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	got = f.configs.Topic(map[string]string{
		"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime", "compression.type": "zstd",
		"compression.zstd.level": "5",
		"max.message.bytes":      "100", "retention.ms": "-1", "retention.bytes": "77",
	})
	if !got.Compacted || !got.Log.Compact || got.Log.Delete || !got.LogAppendTime || got.CompressionType != "zstd" ||
		got.CompressionLevel != 5 ||
		got.MaxMessageBytes != 100 || got.Log.RetentionAge >= 0 || got.Log.RetentionBytes != 77 {
		t.Errorf("own configs are not taken: %+v", got)
	}
}

func TestFlushConfigsOverrideTheNodesSync(t *testing.T) {
	for _, c := range []struct {
		static, own map[string]string
		want        ports.FlushPolicy
	}{
		{nil, nil, ports.FlushSync},
		{nil, map[string]string{"flush.messages": "10"}, ports.FlushOS},
		{nil, map[string]string{"flush.ms": "1000"}, ports.FlushOS},
		{nil, map[string]string{"flush.messages": "1", "flush.ms": "1000"}, ports.FlushSync},
		{map[string]string{"log.flush.interval.messages": "10"}, nil, ports.FlushOS},
		{map[string]string{"log.flush.interval.messages": "1"}, nil, ports.FlushSync},
		{map[string]string{"log.flush.scheduler.interval.ms": "500"}, nil, ports.FlushOS},
		{map[string]string{"log.flush.interval.ms": "500"}, map[string]string{"flush.messages": "1"}, ports.FlushSync},
	} {
		f := newConfigsFixture(t, c.static)
		if got := f.configs.Topic(c.own).Log.Flush; got != c.want {
			t.Errorf("static %v, own %v: %v, want %v", c.static, c.own, got, c.want)
		}
	}
	f := newConfigsFixture(t, map[string]string{"log.flush.scheduler.interval.ms": "500"})
	if got := f.configs.Topic(nil).Log.FlushAge; got != 500*time.Millisecond {
		t.Errorf("flush.ms is %v, want that of log.flush.scheduler.interval.ms", got)
	}
}

func TestWrongStaticConfigsStopTheStart(t *testing.T) {
	for key, c := range map[string]struct{ value, want string }{
		"num.partitionz":             {"1", "Unknown broker config name: num.partitionz"},
		"num.partitions":             {"0", "Value must be at least 1"},
		"authorizer.class.name":      {"x.Y", "This broker supports only"},
		"group.max.size":             {"many", "Not a number of type INT"},
		"log.message.timestamp.type": {"Never", "String must be one of: CreateTime, LogAppendTime"},
	} {
		static := Static{Given: map[string]string{key: c.value}}
		_, err := NewConfigs(newConfigsFixture(t, nil).store, 1, static, ports.FlushSync,
			&slog.LevelVar{}, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v", key, c.value, err)
		}
	}
}

// The typed getters are called for every request.
func TestGettersAllocateNothing(t *testing.T) {
	f := newConfigsFixture(t, nil)
	f.alter(t, metadata.ResourceBroker, "", "num.io.threads", "9")
	if n := testing.AllocsPerRun(100, func() {
		f.configs.Int("fetch.max.bytes")
		f.configs.Bool("auto.create.topics.enable")
		f.configs.Topic(nil)
	}); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
	f.apply(t, metadata.CreateTopic{Name: "other", ID: metadata.TopicID{2}, Partitions: 1, ReplicationFactor: 1})
	before := f.configs.resolved.Load().effectiveConfigs
	if f.configs.current().effectiveConfigs != before {
		t.Error("a change of something else resolves the configs again")
	}
}

func TestResourcesWithConfigsAreListed(t *testing.T) {
	f := newConfigsFixture(t, nil)
	f.alter(t, metadata.ResourceGroup, "g", "consumer.session.timeout.ms", "46000")
	f.alter(t, metadata.ResourceClientMetrics, "cm", "interval.ms", "1000")
	for kind, want := range map[metadata.ResourceType][]string{
		metadata.ResourceTopic: {"plain"}, metadata.ResourceBroker: {"1"}, ResourceBrokerLogger: {"1"},
		metadata.ResourceGroup: {"g"}, metadata.ResourceClientMetrics: {"cm"},
	} {
		if got, err := f.configs.Resources(kind); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%v: %v, %v; want %v", kind, got, err, want)
		}
	}
	if _, err := f.configs.Resources(3); fault.KindOf(err) != fault.UnsupportedVersion {
		t.Errorf("an unknown type: %v", err)
	}
}

func TestThrottlesAreThoseOfTheTopicAtTheRatesOfTheBroker(t *testing.T) {
	f := newConfigsFixture(t, nil)
	want := func(what string, leader, follower bool, leaderRate, followerRate int64) {
		t.Helper()
		c := f.ownTopic()
		if l, f := c.LeaderThrottle, c.FollowerThrottle; l.Replicas.Has(0) != leader || f.Replicas.Has(0) != follower ||
			l.Rate != leaderRate || f.Rate != followerRate {
			t.Errorf("%s: %+v, %+v", what, l, f)
		}
	}
	want("at first", false, false, math.MaxInt64, math.MaxInt64)
	f.alter(t, metadata.ResourceTopic, "plain", "leader.replication.throttled.replicas", "0:1,0:2")
	f.alter(t, metadata.ResourceTopic, "plain", "follower.replication.throttled.replicas", "0:2")
	want("of this broker's replicas", true, false, math.MaxInt64, math.MaxInt64)
	f.alter(t, metadata.ResourceTopic, "plain", "follower.replication.throttled.replicas", "*")
	f.alter(t, metadata.ResourceBroker, "", "leader.replication.throttled.rate", "5")
	f.alter(t, metadata.ResourceBroker, "", "follower.replication.throttled.rate", "6")
	want("with rates for all brokers", true, true, 5, 6)
	f.alter(t, metadata.ResourceBroker, "1", "leader.replication.throttled.rate", "7")
	want("with a rate for this one", true, true, 7, 6)
	if err := f.configs.Alter(t.Context(), thisBroker(), []ConfigOp{remove("leader.replication.throttled.rate")},
		false); err != nil {
		t.Fatal(err)
	}
	want("without it again", true, true, 5, 6)
}

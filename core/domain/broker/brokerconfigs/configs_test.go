package brokerconfigs

import (
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/quota"
	"github.com/chronik-stream/chronik/core/ports"
)

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

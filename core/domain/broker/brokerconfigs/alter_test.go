package brokerconfigs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
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

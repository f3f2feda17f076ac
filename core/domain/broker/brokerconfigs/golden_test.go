package brokerconfigs

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// recorded is the answer of Apache Kafka 4.3.1 to DescribeConfigs, by kind of resource. It was started with
// message.max.bytes=2000000, log.retention.hours=100, log.roll.hours=20 and a few more.
type recorded map[string][]recordedConfig

type recordedConfig struct {
	Name      string
	Value     *string
	ReadOnly  bool
	Source    int8
	Sensitive bool
	Type      int8
	Synonyms  []ConfigSynonym
}

// intended are the intended differences from Kafka, by kind of resource and config, or * for both.
var intended = map[string]string{
	"broker offsets.topic.replication.factor":                 "its default is 1 here",
	"broker transaction.state.log.replication.factor":         "its default is 1 here",
	"broker transaction.state.log.min.isr":                    "its default is 1 here",
	"broker share.coordinator.state.topic.replication.factor": "its default is 1 here",
	"broker share.coordinator.state.topic.min.isr":            "its default is 1 here",
	"broker group.coordinator.rebalance.protocols":            "only what is served",
	"broker broker.heartbeat.interval.ms":                     "what is in use here",
	"broker broker.session.timeout.ms":                        "what is in use here",
	"broker controller.socket.timeout.ms":                     "what is in use here",
	"broker broker.id":                                        "no default here",
	"broker process.roles":                                    "a default here",
	"broker controller.listener.names":                        "no controller listener here",
	"broker controller.quorum.voters":                         "no voters here",
	"broker listener.security.protocol.map":                   "no controller listener here",
	"broker listeners":                                        "read-only here",
	"broker log.dir":                                          "no default here",
	"broker foo.bar":                                          "unknown configs are refused here",
	"broker log.retention.hours":                              "Kafka shows its synonym only once that is dynamic",
}

func TestConfigsAreDescribedAsKafkaDescribesThem(t *testing.T) {
	fresh := load(t, "testdata/configs_kafka_4.3.1_fresh.json")
	f := newConfigsFixture(t, staticOf(fresh))
	// Kafka does so itself for eligible leader replicas
	f.alter(t, metadata.ResourceBroker, "", "min.insync.replicas", "1")
	f.compare(t, fresh)

	// These were set on the real broker between the two recordings.
	f.alter(t, metadata.ResourceBroker, "1", "log.retention.ms", "86400000")
	f.alter(t, metadata.ResourceBroker, "1", "log.cleanup.policy", "compact, delete")
	f.alter(t, metadata.ResourceBroker, "", "log.retention.ms", "-2")
	f.alter(t, metadata.ResourceBroker, "", "leader.replication.throttled.rate", "1000")
	f.alter(t, metadata.ResourceBroker, "", "num.io.threads", "9")
	f.alter(t, metadata.ResourceTopic, "plain", "cleanup.policy", "compact, compact")
	f.alter(t, metadata.ResourceTopic, "plain", "retention.ms", " 77 ")
	f.alter(t, metadata.ResourceGroup, "g", "consumer.session.timeout.ms", " 46000 ")
	f.alter(t, metadata.ResourceClientMetrics, "cm", "interval.ms", "1000")
	f.alter(t, metadata.ResourceClientMetrics, "cm", "metrics", "a, b")
	f.compare(t, load(t, "testdata/configs_kafka_4.3.1_changed.json"))
}

// compare compares what is described with what was recorded.
func (f *configsFixture) compare(t *testing.T, want recorded) {
	t.Helper()
	for kind, resource := range map[string]ConfigResource{
		"topic":          {metadata.ResourceTopic, "plain"},
		"broker":         {metadata.ResourceBroker, "1"},
		"broker_default": {metadata.ResourceBroker, ""},
		"group":          {metadata.ResourceGroup, "g"},
		"client_metrics": {metadata.ResourceClientMetrics, "cm"},
	} {
		entries, err := f.configs.Describe(t.Context(), resource, nil, true, true)
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string]recordedConfig)
		for _, e := range entries {
			if e.Documentation == "" {
				t.Errorf("%s %s has no documentation", kind, e.Name)
			}
			if e.Default != (e.Source == SourceDefault) {
				t.Errorf("%s %s: default %v, source %d", kind, e.Name, e.Default, e.Source)
			}
			got[e.Name] = recordedConfig{e.Name, e.Value, e.ReadOnly, e.Source, e.Sensitive, e.Type, e.Synonyms}
		}
		for _, w := range want[kind] {
			if len(w.Synonyms) == 0 {
				w.Synonyms = nil
			}
			g, ok := got[w.Name]
			delete(got, w.Name)
			if _, wanted := intended[kind+" "+w.Name]; wanted {
				continue
			}
			if !ok {
				t.Errorf("%s %s is not described", kind, w.Name)
			} else if diff := cmp.Diff(w, g); diff != "" {
				t.Errorf("%s %s (-Kafka +here):\n%s", kind, w.Name, diff)
			}
		}
		for name := range got {
			t.Errorf("%s %s is described, but not by Kafka", kind, name)
		}
	}
}

// staticOf returns the static configs of the recorded broker, without intended differences.
func staticOf(r recorded) map[string]string {
	static := make(map[string]string)
	for _, c := range r["broker"] {
		at := slices.IndexFunc(c.Synonyms, func(s ConfigSynonym) bool { return s.Source == SourceStatic && s.Name == c.Name })
		if at < 0 || strings.HasPrefix(c.Name, "controller.") || c.Name == "listener.security.protocol.map" {
			continue
		}
		static[c.Name] = *c.Synonyms[at].Value
	}
	return static
}

func load(t *testing.T, file string) recorded {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

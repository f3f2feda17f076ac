package brokerconfigs

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

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

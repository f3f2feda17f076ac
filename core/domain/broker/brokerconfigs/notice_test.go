package brokerconfigs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestAConfigWithoutEffectIsKeptShownAndLoggedOnce(t *testing.T) {
	f := newConfigsFixture(t, map[string]string{
		"ssl.keystore.password": "hunter2",
		"num.io.threads":        "8", "sasl.enabled.mechanisms": "PLAIN",
	})
	want := func(when string, lines ...string) {
		t.Helper()
		got := strings.Split(strings.TrimSuffix(f.log.String(), "\n"), "\n")
		f.log.Reset()
		if len(got) == 1 && got[0] == "" {
			got = nil
		}
		for i, line := range got {
			_, got[i], _ = strings.Cut(line, "configs=")
		}
		if diff := cmp.Diff(lines, got); diff != "" {
			t.Errorf("%s, configs that were logged (-want +got):\n%s", when, diff)
		}
	}
	want("at the start", `"[sasl.enabled.mechanisms ssl.keystore.password]"`)

	const relogin = "sasl.kerberos.min.time.before.relogin"
	for _, value := range []string{"60000", "5", "6"} { // the first is the default
		f.alter(t, metadata.ResourceBroker, "1", relogin, value)
	}
	want("after three changes", "["+relogin+"]")
	entries, err := f.configs.Describe(t.Context(), thisBroker(), []string{relogin}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	shown := []ConfigEntry{{
		Name: relogin, Value: text("6"), Source: SourceBroker, Type: int8(configdef.Long),
		Synonyms: []ConfigSynonym{{relogin, text("6"), SourceBroker}, {relogin, text("60000"), SourceDefault}},
	}}
	if diff := cmp.Diff(shown, entries); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	f.alter(t, metadata.ResourceBroker, "1", "log.cleaner.threads", "1")
	f.alter(t, metadata.ResourceTopic, "plain", "retention.ms", "5")
	want("after changes with effect, or to the default")
}

// TestAValueThatIsNotShownIsNotSaidToBe sets a config for which the broker uses and shows a value of its own.
func TestAValueThatIsNotShownIsNotSaidToBe(t *testing.T) {
	f := newConfigsFixture(t, map[string]string{"broker.session.timeout.ms": "9000"})
	if told := f.log.String(); strings.Contains(told, "kept and shown") || !strings.Contains(told, "values of its own") ||
		!strings.Contains(told, "broker.session.timeout.ms") {
		t.Errorf("told:\n%s", told)
	}
}

func TestConfigsOfListenersAndUnknownOnesAreKeptAndShown(t *testing.T) {
	const ofListener, unknown = "listener.name.out.sasl.enabled.mechanisms", "my.plugin.secret"
	f := newConfigsFixture(t, map[string]string{ofListener: "PLAIN"})
	f.alter(t, metadata.ResourceBroker, "1", ofListener, "SCRAM-SHA-256")
	f.alter(t, metadata.ResourceBroker, "", unknown, "a")
	f.alter(t, metadata.ResourceBroker, "1", unknown, "b")
	if told := f.log.String(); strings.Count(told, "not known") < 2 || !strings.Contains(told, unknown) ||
		strings.Contains(told, "=b") {
		t.Errorf("told:\n%s", told)
	}
	entries, err := f.configs.Describe(t.Context(), thisBroker(), []string{ofListener, unknown}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	want := []ConfigEntry{{
		Name: ofListener, Value: text("SCRAM-SHA-256"), Source: SourceBroker, ReadOnly: true, Type: int8(configdef.List),
		Synonyms: []ConfigSynonym{
			{ofListener, text("SCRAM-SHA-256"), SourceBroker},
			{ofListener, text("PLAIN"), SourceStatic},
			{"sasl.enabled.mechanisms", text("GSSAPI"), SourceDefault},
		},
	}, {
		Name: unknown, Source: SourceBroker, ReadOnly: true, Sensitive: true,
		Synonyms: []ConfigSynonym{{unknown, nil, SourceBroker}, {unknown, nil, SourceDefaultBroker}},
	}}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Errorf("shown of the broker (-want +got):\n%s", diff)
	}
	entries, err = f.configs.Describe(t.Context(), ConfigResource{metadata.ResourceBroker, ""}, nil, true, false)
	if err != nil {
		t.Fatal(err)
	}
	want = []ConfigEntry{{
		Name: unknown, Source: SourceDefaultBroker, ReadOnly: true, Sensitive: true,
		Synonyms: []ConfigSynonym{{unknown, nil, SourceDefaultBroker}},
	}}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Errorf("shown of all brokers (-want +got):\n%s", diff)
	}
	if err := f.configs.Alter(t.Context(), thisBroker(), []ConfigOp{remove(unknown)}, false); err != nil {
		t.Error(err)
	}
}

// The defaults that a cluster's replication factor gives are nobody's settings.
func TestADerivedConfigWithoutEffectIsShownAndNotLogged(t *testing.T) {
	const factor, inSync = "transaction.state.log.replication.factor", "transaction.state.log.min.isr"
	static := Static{
		Given:   map[string]string{inSync: "7"},
		Derived: map[string]string{factor: "5", inSync: "6"},
	}
	f := startedWith(t, static)
	if err := f.configs.Restate(static); err != nil {
		t.Fatal(err)
	}
	if told := f.log.String(); strings.Contains(told, factor) || strings.Count(told, inSync) != 1 {
		t.Errorf("logged is %s", told)
	}
	entries, err := f.configs.Describe(t.Context(), thisBroker(), []string{factor, inSync}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if want := map[string]string{factor: "5", inSync: "7"}[e.Name]; *e.Value != want || e.Source != SourceStatic {
			t.Errorf("%s is %s of source %d, want %s", e.Name, *e.Value, e.Source, want)
		}
	}
}

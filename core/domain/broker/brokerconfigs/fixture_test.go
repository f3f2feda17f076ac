package brokerconfigs

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// configsFixture is the config service of broker 1 over metadata in memory with one topic, "plain".
type configsFixture struct {
	store   *porttest.Store
	configs *Configs
	level   *slog.LevelVar
	log     bytes.Buffer
}

func newConfigsFixture(t *testing.T, given map[string]string) *configsFixture {
	t.Helper()
	return startedWith(t, Static{Given: given})
}

func startedWith(t *testing.T, static Static) *configsFixture {
	t.Helper()
	f := &configsFixture{store: porttest.NewStore(), level: &slog.LevelVar{}}
	f.apply(t, metadata.RegisterBroker{ID: 1})
	f.apply(t, metadata.CreateTopic{Name: "plain", ID: metadata.TopicID{1}, Partitions: 1, ReplicationFactor: 1})
	var err error
	if f.configs, err = NewConfigs(f.store, 1, static, ports.FlushSync, f.level,
		slog.New(slog.NewTextHandler(&f.log, nil))); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *configsFixture) apply(t *testing.T, cmd metadata.Command) {
	t.Helper()
	if _, err := f.store.Apply(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
}

// alter sets one config.
func (f *configsFixture) alter(t *testing.T, kind metadata.ResourceType, name, key, value string) {
	t.Helper()
	if err := f.configs.Alter(t.Context(), ConfigResource{kind, name}, []ConfigOp{{key, OpSet, &value}},
		false); err != nil {
		t.Fatalf("set %s of %s: %v", key, name, err)
	}
}

// ownTopic returns the effective configs of "plain".
func (f *configsFixture) ownTopic() TopicConfig {
	topic, _ := f.store.Image().Topic("plain")
	return f.configs.Topic(topic.Configs)
}

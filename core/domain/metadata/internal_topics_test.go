package metadata

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/configdef"
)

func TestInternalTopicsNameConfigsThatExist(t *testing.T) {
	defaults := func(key string) string {
		k, ok := configdef.Broker.Key(key)
		if !ok {
			t.Errorf("brokers have no config %q", key)
		}
		return k.Default
	}
	for _, topic := range InternalTopics() {
		if topic.OnDemand() {
			defaults(topic.PartitionsKey)
			defaults(topic.ReplicationFactorKey)
		}
		if err := configdef.ValidateTopicConfigs(topic.NewConfigs(defaults)); err != nil {
			t.Errorf("%s: %v", topic.Name, err)
		}
		for key := range topic.ConfigKeys {
			if value, ok := topic.Configs[key]; ok {
				t.Errorf("%s: %s is %s and also a broker's config", topic.Name, key, value)
			}
		}
	}
}

func TestAnInternalTopicIsCreatedWithTheConfigsOfItsBroker(t *testing.T) {
	const inSync, segment = "transaction.state.log.min.isr", "transaction.state.log.segment.bytes"
	topic := FindInternalTopic(TransactionTopic)
	before := maps.Clone(topic.Configs)
	for given, want := range map[string]string{"104857600": "104857600", "1": "1048576"} {
		got := topic.NewConfigs(func(key string) string { return map[string]string{inSync: "2", segment: given}[key] })
		if diff := cmp.Diff(map[string]string{
			"cleanup.policy": "compact", "compression.type": "uncompressed", "unclean.leader.election.enable": "false",
			"min.insync.replicas": "2", "segment.bytes": want,
		}, got); diff != "" {
			t.Errorf("with %s=%s (-want +got):\n%s", segment, given, diff)
		}
	}
	if diff := cmp.Diff(before, topic.Configs); diff != "" {
		t.Errorf("the table has changed (-want +got):\n%s", diff)
	}
}

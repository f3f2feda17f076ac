//go:build !raft

package clients

import (
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestKafkaConfigsOffsetsAndDeletion(t *testing.T) {
	b := harness.Start(t, "")
	b.Kafka(t, "topics", "--create", "--topic", "events", "--partitions", "1")
	b.Kafka(t, "configs", "--alter", "--entity-type", "topics", "--entity-name", "events", "--add-config",
		"max.message.bytes=2000000,cleanup.policy=delete")
	harness.Wants(t, b.Kafka(t, "configs", "--describe", "--entity-type", "topics", "--entity-name", "events"),
		"max.message.bytes=2000000")
	b.Kafka(t, "configs", "--alter", "--entity-type", "topics", "--entity-name", "events", "--delete-config",
		"max.message.bytes")
	if left := b.Kafka(t, "configs", "--describe", "--entity-type", "topics", "--entity-name",
		"events"); strings.Contains(left, "max.message.bytes") || !strings.Contains(left, "cleanup.policy=delete") {
		t.Errorf("after --delete-config max.message.bytes:\n%s", left)
	}
	harness.Wants(t, b.Kafka(t, "configs", "--describe", "--entity-type", "brokers", "--entity-name", "1", "--all"),
		"num.partitions=")

	b.KafkaWithInput(t, numbered("event", 50), "console-producer", "--topic", "events")
	harness.Wants(t, b.Kafka(t, "get-offsets", "--topic", "events"), "events:0:50")
	harness.Wants(t, b.Kafka(t, "get-offsets", "--topic", "events", "--time", "-2"), "events:0:0")
	harness.Wants(t, b.Kafka(t, "get-offsets", "--topic", "events", "--time", "-3"), "events:0:")

	plan := t.TempDir() + "/delete.json"
	harness.WriteFile(t, plan, `{"partitions":[{"topic":"events","partition":0,"offset":20}],"version":1}`)
	harness.Wants(t, b.Kafka(t, "delete-records", "--offset-json-file", plan), "low_watermark: 20")
	harness.Wants(t, b.Kafka(t, "get-offsets", "--topic", "events", "--time", "earliest"), "events:0:20")
	harness.Wants(t, b.Kafka(t, "log-dirs", "--describe", "--topic-list", "events"), `"partition":"events-0"`, b.Dir)
}

func TestKafkaPerformanceAndVerifiableClients(t *testing.T) {
	b := harness.Start(t, "")
	b.Kafka(t, "topics", "--create", "--topic", "load", "--partitions", "3")
	harness.Wants(t, b.Kafka(t, "producer-perf-test", "--topic", "load", "--num-records", "50000", "--record-size", "200",
		"--throughput", "-1", "--producer-props", "bootstrap.servers="+b.Addr), "50000 records sent")
	harness.Wants(t, b.Kafka(t, "consumer-perf-test", "--topic", "load", "--messages", "50000"), ", 50000, ")

	produced := b.Kafka(t, "verifiable-producer", "--topic", "verified", "--max-messages", "1000")
	harness.Wants(t, produced, `"name":"tool_data"`, `"acked":1000`)
	consumed := b.Kafka(t, "verifiable-consumer", "--topic", "verified", "--group-id", "verifiers", "--max-messages",
		"1000", "--reset-policy", "earliest")
	harness.Wants(t, consumed, `"name":"records_consumed"`, `"name":"offsets_committed"`)
}

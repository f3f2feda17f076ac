package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// numbered returns the lines prefix-0 … prefix-(n-1).
func numbered(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s-%d\n", prefix, i)
	}
	return b.String()
}

func TestKafkaTopics(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	b.kafka(t, "topics", "--create", "--topic", "orders", "--partitions", "3", "--replication-factor", "1", "--config", "retention.ms=3600000")
	wants(t, b.kafka(t, "topics", "--list"), "orders")
	wants(t, b.kafka(t, "topics", "--describe", "--topic", "orders"),
		"PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=3600000", "Partition: 2", "Leader: 1", "Isr: 1")
	b.kafka(t, "topics", "--alter", "--topic", "orders", "--partitions", "5")
	wants(t, b.kafka(t, "topics", "--describe", "--topic", "orders"), "PartitionCount: 5")

	out, err := tryCommand(t, "", "kafka/kafka", "topics", "--bootstrap-server", b.addr, "--create", "--topic", "orders")
	if err == nil {
		t.Error("a second topic of the same name was made")
	}
	wants(t, out, "Topic 'orders' already exists.")

	b.kafka(t, "topics", "--delete", "--topic", "orders")
	if out := b.kafka(t, "topics", "--list"); strings.Contains(out, "orders") {
		t.Errorf("the deleted topic is listed:\n%s", out)
	}
}

func TestKafkaConsoleClientsAndGroups(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	b.kafka(t, "topics", "--create", "--topic", "letters", "--partitions", "2")
	b.kafkaWithInput(t, numbered("letter", 100), "console-producer", "--topic", "letters")

	plain := b.kafka(t, "console-consumer", "--topic", "letters", "--from-beginning", "--max-messages", "100")
	wants(t, plain, "letter-0\n", "letter-99\n")

	grouped := b.kafka(t, "console-consumer", "--topic", "letters", "--from-beginning", "--max-messages", "100", "--group", "readers")
	wants(t, grouped, "letter-0\n", "letter-99\n")
	wants(t, b.kafka(t, "consumer-groups", "--list"), "readers")
	wants(t, b.kafka(t, "consumer-groups", "--describe", "--group", "readers"), "letters", "CURRENT-OFFSET")
	wants(t, b.kafka(t, "consumer-groups", "--describe", "--group", "readers", "--state"), "Empty")

	b.kafka(t, "consumer-groups", "--group", "readers", "--topic", "letters", "--reset-offsets", "--to-earliest", "--execute")
	again := b.kafka(t, "console-consumer", "--topic", "letters", "--max-messages", "100", "--group", "readers")
	wants(t, again, "letter-0\n", "letter-99\n")

	b.kafka(t, "consumer-groups", "--delete", "--group", "readers")
	if out := b.kafka(t, "consumer-groups", "--list"); strings.Contains(out, "readers") {
		t.Errorf("the deleted group is listed:\n%s", out)
	}
}

func TestKafkaConfigsOffsetsAndDeletion(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	b.kafka(t, "topics", "--create", "--topic", "events", "--partitions", "1")
	b.kafka(t, "configs", "--alter", "--entity-type", "topics", "--entity-name", "events", "--add-config", "max.message.bytes=2000000,cleanup.policy=delete")
	wants(t, b.kafka(t, "configs", "--describe", "--entity-type", "topics", "--entity-name", "events"), "max.message.bytes=2000000")
	b.kafka(t, "configs", "--alter", "--entity-type", "topics", "--entity-name", "events", "--delete-config", "max.message.bytes")
	if left := b.kafka(t, "configs", "--describe", "--entity-type", "topics", "--entity-name", "events"); strings.Contains(left, "max.message.bytes") || !strings.Contains(left, "cleanup.policy=delete") {
		t.Errorf("after --delete-config max.message.bytes:\n%s", left)
	}
	wants(t, b.kafka(t, "configs", "--describe", "--entity-type", "brokers", "--entity-name", "1", "--all"), "num.partitions=")

	b.kafkaWithInput(t, numbered("event", 50), "console-producer", "--topic", "events")
	wants(t, b.kafka(t, "get-offsets", "--topic", "events"), "events:0:50")
	wants(t, b.kafka(t, "get-offsets", "--topic", "events", "--time", "-2"), "events:0:0")
	wants(t, b.kafka(t, "get-offsets", "--topic", "events", "--time", "-3"), "events:0:")

	plan := t.TempDir() + "/delete.json"
	writeFile(t, plan, `{"partitions":[{"topic":"events","partition":0,"offset":20}],"version":1}`)
	wants(t, b.kafka(t, "delete-records", "--offset-json-file", plan), "low_watermark: 20")
	wants(t, b.kafka(t, "get-offsets", "--topic", "events", "--time", "earliest"), "events:0:20")
	wants(t, b.kafka(t, "log-dirs", "--describe", "--topic-list", "events"), `"partition":"events-0"`, b.dir)
}

func TestKafkaPerformanceAndVerifiableClients(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	b.kafka(t, "topics", "--create", "--topic", "load", "--partitions", "3")
	wants(t, b.kafka(t, "producer-perf-test", "--topic", "load", "--num-records", "50000", "--record-size", "200",
		"--throughput", "-1", "--producer-props", "bootstrap.servers="+b.addr), "50000 records sent")
	wants(t, b.kafka(t, "consumer-perf-test", "--topic", "load", "--messages", "50000"), ", 50000, ")

	produced := b.kafka(t, "verifiable-producer", "--topic", "verified", "--max-messages", "1000")
	wants(t, produced, `"name":"tool_data"`, `"acked":1000`)
	consumed := b.kafka(t, "verifiable-consumer", "--topic", "verified", "--group-id", "verifiers", "--max-messages", "1000", "--reset-policy", "earliest")
	wants(t, consumed, `"name":"records_consumed"`, `"name":"offsets_committed"`)
}

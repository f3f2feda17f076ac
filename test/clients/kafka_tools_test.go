package clients

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
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
	b := harness.Start(t, "")
	b.Kafka(t, "topics", "--create", "--topic", "orders", "--partitions", "3", "--replication-factor", "1", "--config",
		"retention.ms=3600000")
	harness.Wants(t, b.Kafka(t, "topics", "--list"), "orders")
	harness.Wants(t, b.Kafka(t, "topics", "--describe", "--topic", "orders"),
		"PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=3600000", "Partition: 2", "Leader: 1", "Isr: 1")
	b.Kafka(t, "topics", "--alter", "--topic", "orders", "--partitions", "5")
	harness.Wants(t, b.Kafka(t, "topics", "--describe", "--topic", "orders"), "PartitionCount: 5")

	out, err := harness.TryCommand(t, "", harness.KafkaScript, "topics", "--bootstrap-server", b.Addr, "--create",
		"--topic", "orders")
	if err == nil {
		t.Error("a second topic of the same name was made")
	}
	harness.Wants(t, out, "Topic 'orders' already exists.")

	b.Kafka(t, "topics", "--delete", "--topic", "orders")
	if out := b.Kafka(t, "topics", "--list"); strings.Contains(out, "orders") {
		t.Errorf("the deleted topic is listed:\n%s", out)
	}
}

func TestKafkaConsoleClientsAndGroups(t *testing.T) {
	b := harness.Start(t, "")
	b.Kafka(t, "topics", "--create", "--topic", "letters", "--partitions", "2")
	b.KafkaWithInput(t, numbered("letter", 100), "console-producer", "--topic", "letters")

	plain := b.Kafka(t, "console-consumer", "--topic", "letters", "--from-beginning", "--max-messages", "100")
	harness.Wants(t, plain, "letter-0\n", "letter-99\n")

	grouped := b.Kafka(t, "console-consumer", "--topic", "letters", "--from-beginning", "--max-messages", "100",
		"--group", "readers")
	harness.Wants(t, grouped, "letter-0\n", "letter-99\n")
	harness.Wants(t, b.Kafka(t, "consumer-groups", "--list"), "readers")
	harness.Wants(t, b.Kafka(t, "consumer-groups", "--describe", "--group", "readers"), "letters", "CURRENT-OFFSET")
	harness.Wants(t, b.Kafka(t, "consumer-groups", "--describe", "--group", "readers", "--state"), "Empty")

	b.Kafka(t, "consumer-groups", "--group", "readers", "--topic", "letters", "--reset-offsets", "--to-earliest",
		"--execute")
	again := b.Kafka(t, "console-consumer", "--topic", "letters", "--max-messages", "100", "--group", "readers")
	harness.Wants(t, again, "letter-0\n", "letter-99\n")

	b.Kafka(t, "consumer-groups", "--delete", "--group", "readers")
	if out := b.Kafka(t, "consumer-groups", "--list"); strings.Contains(out, "readers") {
		t.Errorf("the deleted group is listed:\n%s", out)
	}
}

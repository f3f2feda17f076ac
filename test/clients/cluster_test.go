//go:build raft

package clients

import (
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestConsoleClientsInACluster writes at one node and reads at the others.
func TestConsoleClientsInACluster(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	first, second, third := c.Nodes[0], c.Nodes[1], c.Nodes[2]
	first.Kafka(t, "topics", "--create", "--topic", "letters", "--partitions", "4")
	harness.Wants(t, second.Kafka(t, "topics", "--describe", "--topic", "letters"), "ReplicationFactor: 3",
		"min.insync.replicas=2")
	second.KafkaWithInput(t, numbered("letter", 100), "console-producer", "--topic", "letters")
	harness.Wants(t, third.Kafka(t, "console-consumer", "--topic", "letters", "--from-beginning", "--max-messages",
		"100"), "letter-0\n", "letter-99\n")
	harness.Wants(t, first.Kafka(t, "console-consumer", "--topic", "letters", "--from-beginning", "--max-messages", "100",
		"--group", "readers"), "letter-99\n")
	harness.Wants(t, second.Kafka(t, "consumer-groups", "--describe", "--group", "readers"), "letters", "CURRENT-OFFSET")

	first.Crash()
	second.KafkaWithInput(t, numbered("late", 50), "console-producer", "--topic", "letters")
	// The first member may have read all letters and ended before it knew where the other partitions begin. Then it has
	// committed nothing there.
	harness.Wants(t, third.Kafka(t, "console-consumer", "--topic", "letters", "--from-beginning", "--max-messages", "50",
		"--group", "readers"), "late-0\n", "late-49\n")
}

func TestLibrdkafkaInACluster(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	harness.Wants(t, harness.Command(t, "", harness.PythonScript, "check.py", strings.Join(c.Seeds(), ","), "3"),
		"all checks passed")
}

func TestKafkaJSInACluster(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	harness.Wants(t, harness.Command(t, "", "node/run", c.Nodes[2].Addr), "all checks passed")
}

func TestFranzGoSuiteInACluster(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	runFranzGoSuite(t, "5000", "KGO_TEST_RF=3", "KGO_SEEDS="+strings.Join(c.Seeds(), ","))
}

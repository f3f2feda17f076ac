//go:build raft

package e2e

import (
	"strings"
	"testing"
)

// TestConsoleClientsInACluster writes at one node and reads at the others.
func TestConsoleClientsInACluster(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	first, second, third := c.all[0], c.all[1], c.all[2]
	first.kafka(t, "topics", "--create", "--topic", "letters", "--partitions", "4")
	wants(t, second.kafka(t, "topics", "--describe", "--topic", "letters"), "ReplicationFactor: 3", "min.insync.replicas=2")
	second.kafkaWithInput(t, numbered("letter", 100), "console-producer", "--topic", "letters")
	wants(t, third.kafka(t, "console-consumer", "--topic", "letters", "--from-beginning", "--max-messages", "100"), "letter-0\n", "letter-99\n")
	wants(t, first.kafka(t, "console-consumer", "--topic", "letters", "--from-beginning", "--max-messages", "100", "--group", "readers"), "letter-99\n")
	wants(t, second.kafka(t, "consumer-groups", "--describe", "--group", "readers"), "letters", "CURRENT-OFFSET")

	first.crash()
	second.kafkaWithInput(t, numbered("late", 50), "console-producer", "--topic", "letters")
	// The first member may have read all of the letters, and ended, before it knew where the other partitions begin: it committed nothing there.
	wants(t, third.kafka(t, "console-consumer", "--topic", "letters", "--from-beginning", "--max-messages", "50", "--group", "readers"), "late-0\n", "late-49\n")
}

func TestLibrdkafkaInACluster(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	wants(t, command(t, "", "clients/python/run", "check.py", strings.Join(c.seeds(), ","), "3"), "all checks passed")
}

func TestKafkaJSInACluster(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	wants(t, command(t, "", "clients/node/run", c.all[2].addr), "all checks passed")
}

func TestFranzGoSuiteInACluster(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	runFranzGoSuite(t, "5000", "KGO_TEST_RF=3", "KGO_SEEDS="+strings.Join(c.seeds(), ","))
}

//go:build !raft

package clients

import (
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestKafkaLeaderElectionAndReassignment(t *testing.T) {
	b := harness.Start(t, "")
	b.Kafka(t, "topics", "--create", "--topic", "moved", "--partitions", "2")
	for _, kind := range []string{"preferred", "unclean"} {
		harness.Wants(t, b.Kafka(t, "leader-election", "--election-type", kind, "--topic", "moved", "--partition", "0"),
			"moved-0")
		b.Kafka(t, "leader-election", "--election-type", kind, "--all-topic-partitions")
	}

	plan := t.TempDir() + "/plan.json"
	harness.WriteFile(t, plan, `{"version": 1, "partitions": [
		{"topic": "moved", "partition": 0, "replicas": [1]},
		{"topic": "moved", "partition": 1, "replicas": [1]}]}`)
	move := func(args ...string) string {
		return b.Kafka(t, "reassign-partitions", append(args, "--reassignment-json-file", plan)...)
	}
	harness.Wants(t, move("--execute", "--throttle", "1000000"),
		"Successfully started partition reassignments for moved-0,moved-1")
	harness.Wants(t, b.Kafka(t, "reassign-partitions", "--list"), "No partition reassignments found.")
	harness.Wants(t, move("--verify"), "Reassignment of partition moved-0 is completed.",
		"Clearing topic-level throttles on topic moved")
	left := b.Kafka(t, "configs", "--describe", "--entity-type", "topics", "--entity-name", "moved")
	if strings.Contains(left, "throttled") {
		t.Errorf("throttles are left:\n%s", left)
	}

	harness.WriteFile(t, plan, `{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[1,2]}]}`)
	out, err := harness.TryCommand(t, "", harness.KafkaScript, "reassign-partitions", "--bootstrap-server", b.Addr,
		"--execute", "--reassignment-json-file", plan)
	if err == nil {
		t.Error("a partition is moved to a broker that does not exist")
	}
	harness.Wants(t, out, "Unknown broker id 2")
}

func TestKafkaMetadataQuorum(t *testing.T) {
	b := harness.Start(t, "")
	harness.Wants(t, b.Kafka(t, "metadata-quorum", "describe", "--status"), "LeaderId:               1", "CurrentVoters:",
		"CurrentObservers:       []")
	harness.Wants(t, b.Kafka(t, "metadata-quorum", "describe", "--replication"), "Leader")
}

func TestKafkaFeatures(t *testing.T) {
	b := harness.Start(t, "")
	harness.Wants(t, b.Kafka(t, "features", "describe"), "Feature: chronik.version", "SupportedMaxVersion: 1",
		"FinalizedVersionLevel: 1")
	b.Kafka(t, "features", "upgrade", "--feature", "chronik.version=1")
	for feature, refusal := range map[string]string{
		"chronik.version=2": "Broker 1 only supports versions 1-1",
		"group.version=1":   "Broker 1 does not support this feature",
	} {
		out, err := harness.TryCommand(t, "", harness.KafkaScript, "features", "--bootstrap-server", b.Addr, "upgrade",
			"--feature", feature)
		if err == nil {
			t.Errorf("%s is set", feature)
		}
		harness.Wants(t, out, refusal)
	}
}

package e2e

import (
	"strings"
	"testing"
)

func TestKafkaLeaderElectionAndReassignment(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	b.kafka(t, "topics", "--create", "--topic", "moved", "--partitions", "2")
	for _, kind := range []string{"preferred", "unclean"} {
		wants(t, b.kafka(t, "leader-election", "--election-type", kind, "--topic", "moved", "--partition", "0"), "moved-0")
		b.kafka(t, "leader-election", "--election-type", kind, "--all-topic-partitions")
	}

	plan := t.TempDir() + "/plan.json"
	writeFile(t, plan, `{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[1]},{"topic":"moved","partition":1,"replicas":[1]}]}`)
	move := func(args ...string) string {
		return b.kafka(t, "reassign-partitions", append(args, "--reassignment-json-file", plan)...)
	}
	wants(t, move("--execute", "--throttle", "1000000"), "Successfully started partition reassignments for moved-0,moved-1")
	wants(t, b.kafka(t, "reassign-partitions", "--list"), "No partition reassignments found.")
	wants(t, move("--verify"), "Reassignment of partition moved-0 is completed.", "Clearing topic-level throttles on topic moved")
	if out := b.kafka(t, "configs", "--describe", "--entity-type", "topics", "--entity-name", "moved"); strings.Contains(out, "throttled") {
		t.Errorf("throttles are left:\n%s", out)
	}

	writeFile(t, plan, `{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[1,2]}]}`)
	out, err := tryCommand(t, "", "kafka/kafka", "reassign-partitions", "--bootstrap-server", b.addr, "--execute", "--reassignment-json-file", plan)
	if err == nil {
		t.Error("a partition is moved to a broker that does not exist")
	}
	wants(t, out, "Unknown broker id 2")
}

func TestKafkaMetadataQuorum(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	wants(t, b.kafka(t, "metadata-quorum", "describe", "--status"), "LeaderId:               1", "CurrentVoters:", "CurrentObservers:       []")
	wants(t, b.kafka(t, "metadata-quorum", "describe", "--replication"), "Leader")
}

func TestKafkaFeatures(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	wants(t, b.kafka(t, "features", "describe"), "Feature: chronik.version", "SupportedMaxVersion: 1", "FinalizedVersionLevel: 1")
	b.kafka(t, "features", "upgrade", "--feature", "chronik.version=1")
	for feature, refusal := range map[string]string{
		"chronik.version=2": "Broker 1 only supports versions 1-1", "group.version=1": "Broker 1 does not support this feature",
	} {
		out, err := tryCommand(t, "", "kafka/kafka", "features", "--bootstrap-server", b.addr, "upgrade", "--feature", feature)
		if err == nil {
			t.Errorf("%s is set", feature)
		}
		wants(t, out, refusal)
	}
}

//go:build raft

package clients

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestKafkasToolsForClustersWork runs them against nodes that do not lead the metadata as well.
func TestKafkasToolsForClustersWork(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	n := c.Nodes[0]
	n.Kafka(t, "topics", "--create", "--topic", "moved", "--replica-assignment", "1:2,2:1")
	harness.Wants(t, n.Kafka(t, "metadata-quorum", "describe", "--status"), "LeaderId:", "CurrentVoters:", `"id": 3`,
		"CurrentObservers:       []")
	harness.Wants(t, c.Nodes[1].Kafka(t, "metadata-quorum", "describe", "--replication"), "Leader", "Follower")
	harness.Wants(t, c.Admin(t, "upgrade"), "the cluster writes in version 1, the newest that all its nodes can read")

	plan := filepath.Join(t.TempDir(), "plan.json")
	harness.WriteFile(t, plan, `{"version": 1, "partitions": [
		{"topic": "moved", "partition": 0, "replicas": [3, 2]},
		{"topic": "moved", "partition": 1, "replicas": [2, 3]}]}`)
	harness.Wants(t, n.Kafka(t, "reassign-partitions", "--reassignment-json-file", plan, "--execute"),
		"Successfully started partition reassignments for moved-0,moved-1")
	harness.Within(t, 30*time.Second, "the partitions are moved", func() bool {
		parts := harness.Partitions(n.Metadata(t, "moved"))
		for _, p := range parts {
			if len(p.Replicas) != 2 || len(p.ISR) != 2 || p.ISR[0] == 1 || p.ISR[1] == 1 {
				return false
			}
		}
		return len(parts) == 2
	})
	harness.Wants(t, n.Kafka(t, "reassign-partitions", "--reassignment-json-file", plan, "--verify"),
		"Reassignment of partition moved-0 is completed.", "Reassignment of partition moved-1 is completed.")

	c.Nodes[2].Stop(t)
	leads := func(want int32) func() bool {
		return func() bool {
			return len(harness.Partitions(n.Metadata(t, "moved"))) == 2 && harness.Partitions(n.Metadata(t,
				"moved"))[0].Leader == want
		}
	}
	harness.Within(t, 20*time.Second, "node 2 leads in its place", leads(2))
	c.Nodes[2].Launch(t)
	harness.Within(t, 30*time.Second, "node 3 is in sync again", func() bool {
		p := harness.Partitions(n.Metadata(t, "moved"))
		return len(p) == 2 && len(p[0].ISR) == 2
	})
	n.Kafka(t, "leader-election", "--election-type", "preferred", "--topic", "moved", "--partition", "0")
	harness.Within(t, 20*time.Second, "node 3 leads again", leads(3))

	refused, err := harness.TryCommand(t, "", harness.KafkaScript, "cluster", "unregister", "--bootstrap-server", n.Addr,
		"--id", "3")
	if err == nil {
		t.Errorf("a broker that holds replicas is unregistered: %s", refused)
	}
}

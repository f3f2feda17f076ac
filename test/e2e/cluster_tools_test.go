//go:build raft

package e2e

import (
	"path/filepath"
	"testing"
	"time"
)

// TestKafkasToolsForClustersWork runs them against nodes that do not lead the metadata as well.
func TestKafkasToolsForClustersWork(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	n := c.all[0]
	n.kafka(t, "topics", "--create", "--topic", "moved", "--replica-assignment", "1:2,2:1")
	wants(t, n.kafka(t, "metadata-quorum", "describe", "--status"), "LeaderId:", "CurrentVoters:", `"id": 3`, "CurrentObservers:       []")
	wants(t, c.all[1].kafka(t, "metadata-quorum", "describe", "--replication"), "Leader", "Follower")
	wants(t, c.cluster(t, "upgrade"), "the cluster writes in version 1, the newest that all its nodes can read")

	plan := filepath.Join(t.TempDir(), "plan.json")
	writeFile(t, plan, `{"version": 1, "partitions": [{"topic": "moved", "partition": 0, "replicas": [3, 2]}, {"topic": "moved", "partition": 1, "replicas": [2, 3]}]}`)
	wants(t, n.kafka(t, "reassign-partitions", "--reassignment-json-file", plan, "--execute"), "Successfully started partition reassignments for moved-0,moved-1")
	within(t, 30*time.Second, "the partitions are moved", func() bool {
		parts := partitions(n.metadata(t, "moved"))
		for _, p := range parts {
			if len(p.Replicas) != 2 || len(p.ISR) != 2 || p.ISR[0] == 1 || p.ISR[1] == 1 {
				return false
			}
		}
		return len(parts) == 2
	})
	wants(t, n.kafka(t, "reassign-partitions", "--reassignment-json-file", plan, "--verify"),
		"Reassignment of partition moved-0 is completed.", "Reassignment of partition moved-1 is completed.")

	c.all[2].stop(t)
	leads := func(want int32) func() bool {
		return func() bool {
			return len(partitions(n.metadata(t, "moved"))) == 2 && partitions(n.metadata(t, "moved"))[0].Leader == want
		}
	}
	within(t, 20*time.Second, "node 2 leads in its place", leads(2))
	c.all[2].launch(t)
	within(t, 30*time.Second, "node 3 is in sync again", func() bool {
		p := partitions(n.metadata(t, "moved"))
		return len(p) == 2 && len(p[0].ISR) == 2
	})
	n.kafka(t, "leader-election", "--election-type", "preferred", "--topic", "moved", "--partition", "0")
	within(t, 20*time.Second, "node 3 leads again", leads(3))

	refused, err := tryCommand(t, "", "kafka/kafka", "cluster", "unregister", "--bootstrap-server", n.addr, "--id", "3")
	if err == nil {
		t.Errorf("a broker that holds replicas is unregistered: %s", refused)
	}
}

package harness

import (
	"encoding/json"
	"strings"
	"testing"
)

// Admin runs one of the cluster commands and returns what it printed.
func (c *Cluster) Admin(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.TryAdmin(t, args...)
	if err != nil {
		t.Fatalf("cluster %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// TryAdmin is Admin for a command that may fail.
func (c *Cluster) TryAdmin(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return TryCommand(t, "", Binary(t), append([]string{
		"cluster", "--bootstrap-server", strings.Join(c.Seeds(), ","),
		"--timeout", "90s",
	}, args...)...)
}

// Status is the output of cluster status --json.
type Status struct {
	Leader          int32 `json:"metadata_leader"`
	Nodes           []NodeStatus
	UnderReplicated int `json:"under_replicated_partitions"`
	Leaderless      int `json:"leaderless_partitions"`
}

// NodeStatus is a node in it.
type NodeStatus struct {
	ID     int32
	State  string
	Quorum string
	Holds  int `json:"replicas"`
	Leads  int
	Behind int `json:"out_of_sync_replicas"`
}

// Status returns the cluster's status.
func (c *Cluster) Status(t *testing.T) (s Status) {
	t.Helper()
	if err := json.Unmarshal([]byte(c.Admin(t, "status", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// Voters returns the ids of the nodes with a vote.
func (s Status) Voters() (voters []int32) {
	for _, n := range s.Nodes {
		if n.Quorum == "voter" || n.Quorum == "leader" {
			voters = append(voters, n.ID)
		}
	}
	return voters
}

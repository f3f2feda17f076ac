package wiring

import "github.com/chronik-stream/chronik/adapters/kafkaadmin"

// ClusterAdmin administers a running cluster from outside.
type ClusterAdmin = kafkaadmin.Admin

// OpenClusterAdmin returns what administers a running cluster: bootstrap are the addresses of nodes to begin with, step is how many
// partitions are moved at once, and say is told of progress. Close it.
func OpenClusterAdmin(bootstrap []string, step int, say func(string)) *ClusterAdmin {
	return kafkaadmin.New(kafkaadmin.Settings{Bootstrap: bootstrap, Step: step, Say: say})
}

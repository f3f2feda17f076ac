package wiring

import "github.com/chronik-stream/chronik/adapters/kafkaadmin"

// ClusterAdmin administers a running cluster from outside.
type ClusterAdmin = kafkaadmin.Admin

// ClusterStatus and the others are what a ClusterAdmin's methods return.
type (
	ClusterStatus  = kafkaadmin.Status
	ClusterNode    = kafkaadmin.Node
	PartitionMove  = kafkaadmin.Move
	NodeAdded      = kafkaadmin.Added
	NodeTakenOut   = kafkaadmin.Removed
	LeadersChanged = kafkaadmin.Transferred
	Rebalanced     = kafkaadmin.Balanced
	Upgraded       = kafkaadmin.Upgraded
)

// ClusterEvent is what a ClusterAdmin tells of while it is at work: one of the others.
type (
	ClusterEvent          = kafkaadmin.Event
	NodeMayJoin           = kafkaadmin.NodeMayJoin
	AwaitingService       = kafkaadmin.AwaitingService
	NodeInService         = kafkaadmin.NodeInService
	AwaitingReassignments = kafkaadmin.AwaitingReassignments
	PartitionsMoved       = kafkaadmin.PartitionsMoved
	MetadataLed           = kafkaadmin.MetadataLed
	AwaitingStop          = kafkaadmin.AwaitingStop
	RemovalRepeated       = kafkaadmin.RemovalRepeated
	NodeRemoved           = kafkaadmin.NodeRemoved
)

// OpenClusterAdmin returns what administers a running cluster: bootstrap are the addresses of nodes to begin with, step is how many
// partitions are moved at once, and tell gets each event. Close it.
func OpenClusterAdmin(bootstrap []string, step int, tell func(ClusterEvent)) *ClusterAdmin {
	return kafkaadmin.New(kafkaadmin.Settings{Bootstrap: bootstrap, Step: step, Tell: tell})
}

package wiring

import "github.com/chronik-stream/chronik/adapters/kafkaadmin"

// ClusterAdmin administers a running cluster from outside.
type ClusterAdmin = kafkaadmin.Admin

type (
	// ClusterStatus is the status of a cluster.
	ClusterStatus = kafkaadmin.Status
	// ClusterNode is a node in a ClusterStatus.
	ClusterNode = kafkaadmin.Node
	// PartitionMove is a change of a partition's replicas, made or planned.
	PartitionMove = kafkaadmin.Move
	// NodeAdded is the outcome of AddNode.
	NodeAdded = kafkaadmin.Added
	// NodeTakenOut is the outcome of RemoveNode and ReplaceNode.
	NodeTakenOut = kafkaadmin.Removed
	// LeadersChanged is the outcome of TransferLeadership and DrainLeadership.
	LeadersChanged = kafkaadmin.Transferred
	// Rebalanced is the outcome of Rebalance.
	Rebalanced = kafkaadmin.Balanced
	// Upgraded is the outcome of Upgrade.
	Upgraded = kafkaadmin.Upgraded
)

// ClusterEvent is an event that a ClusterAdmin reports while it works: one of the types below.
type ClusterEvent = kafkaadmin.Event

type (
	// NodeMayJoin is an event; see kafkaadmin.
	NodeMayJoin = kafkaadmin.NodeMayJoin
	// AwaitingCluster is an event; see kafkaadmin.
	AwaitingCluster = kafkaadmin.AwaitingCluster
	// AwaitingService is an event; see kafkaadmin.
	AwaitingService = kafkaadmin.AwaitingService
	// NodeInService is an event; see kafkaadmin.
	NodeInService = kafkaadmin.NodeInService
	// AwaitingReassignments is an event; see kafkaadmin.
	AwaitingReassignments = kafkaadmin.AwaitingReassignments
	// PartitionsMoved is an event; see kafkaadmin.
	PartitionsMoved = kafkaadmin.PartitionsMoved
	// MetadataLed is an event; see kafkaadmin.
	MetadataLed = kafkaadmin.MetadataLed
	// AwaitingStop is an event; see kafkaadmin.
	AwaitingStop = kafkaadmin.AwaitingStop
	// RemovalRepeated is an event; see kafkaadmin.
	RemovalRepeated = kafkaadmin.RemovalRepeated
	// NodeRemoved is an event; see kafkaadmin.
	NodeRemoved = kafkaadmin.NodeRemoved
)

// OpenClusterAdmin returns a ClusterAdmin. bootstrap are addresses of nodes, step is the number of partitions that are
// moved at once, and tell is called with each event. Callers must close it.
func OpenClusterAdmin(bootstrap []string, step int, tell func(ClusterEvent)) *ClusterAdmin {
	return kafkaadmin.New(kafkaadmin.Settings{Bootstrap: bootstrap, Step: step, Report: tell})
}

package metadata

// TakesSpace reports whether cmd makes the metadata larger, so that a node whose disk is nearly full must not propose
// it. The other commands stay allowed because a cluster needs them to go on without the node, to let it start again,
// and to delete what fills its disk.
func TakesSpace(cmd Command) bool {
	switch cmd.(type) {
	case InitCluster, RegisterBroker, FenceBroker, UnfenceBroker, ShutDownBroker, UnregisterBroker, AlterPartition,
		ElectLeader, AlterReassignment, AllocateProducerIDs, DeleteTopic:
		return false
	default:
		return true
	}
}

package metadata

// TakesSpace reports whether cmd makes the metadata larger, so that a node whose disk is nearly full had better not propose it. The others
// are those by which a cluster goes on without that node, the node starts again, and gets rid of what fills its disk.
func TakesSpace(cmd Command) bool {
	switch cmd.(type) {
	case InitCluster, RegisterBroker, FenceBroker, UnfenceBroker, ShutDownBroker, UnregisterBroker, AlterPartition, ElectLeader, AlterReassignment, AllocateProducerIDs, DeleteTopic:
		return false
	default:
		return true
	}
}

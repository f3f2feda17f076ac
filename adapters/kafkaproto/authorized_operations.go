package kafkaproto

// operations returns the bit field of KIP-430 for operations, numbered as in Kafka's AclOperation.
func operations(ops ...int) int32 {
	var bits int32
	for _, op := range ops {
		bits |= 1 << op
	}
	return bits
}

// Kafka's AclOperation.
const (
	opRead            = 3
	opWrite           = 4
	opCreate          = 5
	opDelete          = 6
	opAlter           = 7
	opDescribe        = 8
	opClusterAction   = 9
	opDescribeConfigs = 10
	opAlterConfigs    = 11
	opIdempotentWrite = 12
)

// topicOperations returns the operations that a client may do on a topic. Without an authorizer these are all.
func topicOperations() int32 {
	return operations(opRead, opWrite, opCreate, opDelete, opAlter, opDescribe, opDescribeConfigs, opAlterConfigs)
}

// groupOperations is topicOperations for a group.
func groupOperations() int32 {
	return operations(opRead, opDelete, opDescribe, opDescribeConfigs, opAlterConfigs)
}

// clusterOperations is topicOperations for the cluster.
func clusterOperations() int32 {
	return operations(opCreate, opAlter, opDescribe, opClusterAction, opDescribeConfigs, opAlterConfigs, opIdempotentWrite)
}

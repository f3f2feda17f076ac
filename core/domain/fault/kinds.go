package fault

import "strconv"

// Kind says which rule was broken or which condition was met. The names are those of Kafka's error
// codes, because those are the words that its users know. A Kind is itself an error, so that
// errors.Is(err, fault.TopicExists) reads as it should.
type Kind uint16

// The kinds. What each means stands in its text.
const (
	None                               Kind = iota // no fault
	Unknown                                        // an error without a kind: unexpected, and logged with its cause
	OffsetOutOfRange                               // the offset is below the log start offset or above the log end
	CorruptMessage                                 // a record batch whose CRC, size or structure is wrong
	UnknownTopicOrPartition                        // no such topic or partition
	InvalidFetchSize                               // a fetch asks for a negative size
	LeaderNotAvailable                             // the partition has no leader now
	NotLeaderOrFollower                            // this broker is not the replica that the request needs
	RequestTimedOut                                // the request's own time-out passed before it was fulfilled
	BrokerNotAvailable                             // the named broker is not alive
	ReplicaNotAvailable                            // the replica is not available here
	MessageTooLarge                                // a record batch larger than max.message.bytes
	OffsetMetadataTooLarge                         // a committed offset's metadata is longer than offset.metadata.max.bytes
	CoordinatorLoadInProgress                      // the coordinator is still reading its state from the log
	CoordinatorNotAvailable                        // there is no coordinator now
	NotCoordinator                                 // this broker does not coordinate the group
	InvalidTopic                                   // an illegal topic name, or an operation that an internal topic forbids
	RecordListTooLarge                             // a record batch larger than a segment
	NotEnoughReplicas                              // fewer in-sync replicas than min.insync.replicas
	NotEnoughReplicasAfterAppend                   // the record was appended, then the in-sync replicas became too few
	InvalidRequiredAcks                            // acks is none of -1, 0, 1
	IllegalGeneration                              // the member's generation is not the group's
	InconsistentGroupProtocol                      // the member shares no assignment protocol with the group, or its type differs
	InvalidGroupID                                 // an empty or illegal group id
	UnknownMemberID                                // the group has no such member
	InvalidSessionTimeout                          // a session time-out outside group.min.session.timeout.ms and group.max.session.timeout.ms
	RebalanceInProgress                            // the group is rebalancing: rejoin
	InvalidCommitOffsetSize                        // the commit's records would be larger than a batch may be
	TopicAuthorizationFailed                       // the principal may not do this to the topic
	GroupAuthorizationFailed                       // the principal may not do this to the group
	ClusterAuthorizationFailed                     // the principal may not do this to the cluster
	InvalidTimestamp                               // a record's timestamp is further from now than the topic allows
	UnsupportedSaslMechanism                       // a SASL mechanism that is not enabled
	IllegalSaslState                               // a SASL request out of order
	UnsupportedVersion                             // an API version, or something in a request, that is not served
	TopicExists                                    // the topic's name is taken or collides with another
	InvalidPartitions                              // a number of partitions outside the limits
	InvalidReplicationFactor                       // a replication factor outside 1 and the number of brokers
	InvalidReplicaAssignment                       // a manual assignment that names replicas wrongly
	InvalidConfig                                  // a config that does not exist or a value that it does not allow
	NotController                                  // this broker does not lead the metadata group
	InvalidRequest                                 // a request that contradicts itself
	UnsupportedForMessageFormat                    // a record format (magic 0 or 1) that is not served
	PolicyViolation                                // the request breaks a policy of the broker
	OutOfOrderSequence                             // the producer's sequence does not follow its last one
	DuplicateSequence                              // the producer's batch was appended before, further back than is remembered
	InvalidProducerEpoch                           // the producer's epoch is older than the newest known
	InvalidTxnState                                // the transaction is not in a state that allows this
	InvalidProducerIDMapping                       // the producer id is not the one of the transactional id
	InvalidTransactionTimeout                      // a transaction time-out above transaction.max.timeout.ms
	ConcurrentTransactions                         // another operation on the transaction is under way
	TransactionCoordinatorFenced                   // a newer transaction coordinator exists
	TransactionalIDAuthorizationFailed             // the principal may not use the transactional id
	SecurityDisabled                               // no authorizer is configured
	KafkaStorageError                              // the partition's log is offline after an input or output error
	LogDirNotFound                                 // no such log directory
	UnknownProducerID                              // the producer's state is not known, and its sequence is not a first one
	ReassignmentInProgress                         // a reassignment of the partition is under way
	DelegationTokenAuthDisabled                    // delegation tokens are not enabled
	NonEmptyGroup                                  // the group still has members
	GroupIDNotFound                                // no such group
	FetchSessionIDNotFound                         // no such fetch session
	InvalidFetchSessionEpoch                       // a fetch session epoch that does not follow the last one
	ListenerNotFound                               // the leader has no listener of that name
	TopicDeletionDisabled                          // delete.topic.enable is false
	FencedLeaderEpoch                              // the request's leader epoch is older than the partition's
	UnknownLeaderEpoch                             // the request's leader epoch is newer than the partition's
	UnsupportedCompressionType                     // a compression type that the API version cannot carry
	StaleBrokerEpoch                               // a broker request from an older incarnation
	OffsetNotAvailable                             // the offset is not readable yet after a change of leader
	MemberIDRequired                               // a first join without member id: rejoin with the one given
	PreferredLeaderNotAvailable                    // the preferred leader is not alive or not in sync
	GroupMaxSizeReached                            // the group has group.max.size members
	FencedInstanceID                               // another member has taken the static instance id
	EligibleLeadersNotAvailable                    // no replica may be elected
	ElectionNotNeeded                              // the leader is already the wanted one
	NoReassignmentInProgress                       // no reassignment of the partition is under way
	GroupSubscribedToTopic                         // the group consumes the topic
	InvalidRecord                                  // a record that the broker refuses, such as one without key in a compacted topic
	UnstableOffsetCommit                           // an open transaction holds a commit for the offset
	ThrottlingQuotaExceeded                        // a quota is used up
	ProducerFenced                                 // a newer producer with the same transactional id exists
	ResourceNotFound                               // no such resource
	DuplicateResource                              // the resource is named twice
	UnacceptableCredential                         // a credential that does not meet the rules
	InconsistentVoterSet                           // the voters differ
	InvalidUpdateVersion                           // a partition change against an old version
	FeatureUpdateFailed                            // a feature cannot take the wanted level
	PrincipalDeserializationFailure                // a forwarded principal cannot be read
	UnknownTopicID                                 // no topic has the id
	DuplicateBrokerRegistration                    // another live broker has the id
	BrokerIDNotRegistered                          // no broker has the id
	InconsistentTopicID                            // the id is not the named topic's
	InconsistentClusterID                          // the cluster's id is another
	TransactionalIDNotFound                        // no such transactional id
	FetchSessionTopicIDError                       // a fetch session that began with topic ids goes on with names, or the other way round
	IneligibleReplica                              // the replica may not join the in-sync replicas
	NewLeaderElected                               // the change was applied and elected a new leader
	OffsetMovedToTieredStorage                     // the offset is in tiered storage only
	FencedMemberEpoch                              // the member's epoch is not the group's
	UnreleasedInstanceID                           // the instance id is still held by another member
	UnsupportedAssignor                            // no such assignor
	StaleMemberEpoch                               // the member's epoch is behind the group's
	UnsupportedEndpointType                        // an endpoint type that is not served
	RebootstrapRequired                            // the client's cluster is another: bootstrap again
	DuplicateVoter                                 // the node has a vote already
	VoterNotFound                                  // the node is no member of the quorum
	Overloaded                                     // the broker is at a limit that it was given: back off and retry
)

var names = [...]string{
	None:                               "no fault",
	Unknown:                            "an error without a kind: unexpected, and logged with its cause",
	OffsetOutOfRange:                   "the offset is below the log start offset or above the log end",
	CorruptMessage:                     "a record batch whose CRC, size or structure is wrong",
	UnknownTopicOrPartition:            "no such topic or partition",
	InvalidFetchSize:                   "a fetch asks for a negative size",
	LeaderNotAvailable:                 "the partition has no leader now",
	NotLeaderOrFollower:                "this broker is not the replica that the request needs",
	RequestTimedOut:                    "the request's own time-out passed before it was fulfilled",
	BrokerNotAvailable:                 "the named broker is not alive",
	ReplicaNotAvailable:                "the replica is not available here",
	MessageTooLarge:                    "a record batch larger than max.message.bytes",
	OffsetMetadataTooLarge:             "a committed offset's metadata is longer than offset.metadata.max.bytes",
	CoordinatorLoadInProgress:          "the coordinator is still reading its state from the log",
	CoordinatorNotAvailable:            "there is no coordinator now",
	NotCoordinator:                     "this broker does not coordinate the group",
	InvalidTopic:                       "an illegal topic name, or an operation that an internal topic forbids",
	RecordListTooLarge:                 "a record batch larger than a segment",
	NotEnoughReplicas:                  "fewer in-sync replicas than min.insync.replicas",
	NotEnoughReplicasAfterAppend:       "the record was appended, then the in-sync replicas became too few",
	InvalidRequiredAcks:                "acks is none of -1, 0, 1",
	IllegalGeneration:                  "the member's generation is not the group's",
	InconsistentGroupProtocol:          "the member shares no assignment protocol with the group, or its type differs",
	InvalidGroupID:                     "an empty or illegal group id",
	UnknownMemberID:                    "the group has no such member",
	InvalidSessionTimeout:              "a session time-out outside group.min.session.timeout.ms and group.max.session.timeout.ms",
	RebalanceInProgress:                "the group is rebalancing: rejoin",
	InvalidCommitOffsetSize:            "the commit's records would be larger than a batch may be",
	TopicAuthorizationFailed:           "the principal may not do this to the topic",
	GroupAuthorizationFailed:           "the principal may not do this to the group",
	ClusterAuthorizationFailed:         "the principal may not do this to the cluster",
	InvalidTimestamp:                   "a record's timestamp is further from now than the topic allows",
	UnsupportedSaslMechanism:           "a SASL mechanism that is not enabled",
	IllegalSaslState:                   "a SASL request out of order",
	UnsupportedVersion:                 "an API version, or something in a request, that is not served",
	TopicExists:                        "the topic's name is taken or collides with another",
	InvalidPartitions:                  "a number of partitions outside the limits",
	InvalidReplicationFactor:           "a replication factor outside 1 and the number of brokers",
	InvalidReplicaAssignment:           "a manual assignment that names replicas wrongly",
	InvalidConfig:                      "a config that does not exist or a value that it does not allow",
	NotController:                      "this broker does not lead the metadata group",
	InvalidRequest:                     "a request that contradicts itself",
	UnsupportedForMessageFormat:        "a record format (magic 0 or 1) that is not served",
	PolicyViolation:                    "the request breaks a policy of the broker",
	OutOfOrderSequence:                 "the producer's sequence does not follow its last one",
	DuplicateSequence:                  "the producer's batch was appended before, further back than is remembered",
	InvalidProducerEpoch:               "the producer's epoch is older than the newest known",
	InvalidTxnState:                    "the transaction is not in a state that allows this",
	InvalidProducerIDMapping:           "the producer id is not the one of the transactional id",
	InvalidTransactionTimeout:          "a transaction time-out above transaction.max.timeout.ms",
	ConcurrentTransactions:             "another operation on the transaction is under way",
	TransactionCoordinatorFenced:       "a newer transaction coordinator exists",
	TransactionalIDAuthorizationFailed: "the principal may not use the transactional id",
	SecurityDisabled:                   "no authorizer is configured",
	KafkaStorageError:                  "the partition's log is offline after an input or output error",
	LogDirNotFound:                     "no such log directory",
	UnknownProducerID:                  "the producer's state is not known, and its sequence is not a first one",
	ReassignmentInProgress:             "a reassignment of the partition is under way",
	DelegationTokenAuthDisabled:        "delegation tokens are not enabled",
	NonEmptyGroup:                      "the group still has members",
	GroupIDNotFound:                    "no such group",
	FetchSessionIDNotFound:             "no such fetch session",
	InvalidFetchSessionEpoch:           "a fetch session epoch that does not follow the last one",
	ListenerNotFound:                   "the leader has no listener of that name",
	TopicDeletionDisabled:              "delete.topic.enable is false",
	FencedLeaderEpoch:                  "the request's leader epoch is older than the partition's",
	UnknownLeaderEpoch:                 "the request's leader epoch is newer than the partition's",
	UnsupportedCompressionType:         "a compression type that the API version cannot carry",
	StaleBrokerEpoch:                   "a broker request from an older incarnation",
	OffsetNotAvailable:                 "the offset is not readable yet after a change of leader",
	MemberIDRequired:                   "a first join without member id: rejoin with the one given",
	PreferredLeaderNotAvailable:        "the preferred leader is not alive or not in sync",
	GroupMaxSizeReached:                "the group has group.max.size members",
	FencedInstanceID:                   "another member has taken the static instance id",
	EligibleLeadersNotAvailable:        "no replica may be elected",
	ElectionNotNeeded:                  "the leader is already the wanted one",
	NoReassignmentInProgress:           "no reassignment of the partition is under way",
	GroupSubscribedToTopic:             "the group consumes the topic",
	InvalidRecord:                      "a record that the broker refuses, such as one without key in a compacted topic",
	UnstableOffsetCommit:               "an open transaction holds a commit for the offset",
	ThrottlingQuotaExceeded:            "a quota is used up",
	ProducerFenced:                     "a newer producer with the same transactional id exists",
	ResourceNotFound:                   "no such resource",
	DuplicateResource:                  "the resource is named twice",
	UnacceptableCredential:             "a credential that does not meet the rules",
	InconsistentVoterSet:               "the voters differ",
	InvalidUpdateVersion:               "a partition change against an old version",
	FeatureUpdateFailed:                "a feature cannot take the wanted level",
	PrincipalDeserializationFailure:    "a forwarded principal cannot be read",
	UnknownTopicID:                     "no topic has the id",
	DuplicateBrokerRegistration:        "another live broker has the id",
	BrokerIDNotRegistered:              "no broker has the id",
	InconsistentTopicID:                "the id is not the named topic's",
	InconsistentClusterID:              "the cluster's id is another",
	TransactionalIDNotFound:            "no such transactional id",
	FetchSessionTopicIDError:           "a fetch session that began with topic ids goes on with names, or the other way round",
	IneligibleReplica:                  "the replica may not join the in-sync replicas",
	NewLeaderElected:                   "the change was applied and elected a new leader",
	OffsetMovedToTieredStorage:         "the offset is in tiered storage only",
	FencedMemberEpoch:                  "the member's epoch is not the group's",
	UnreleasedInstanceID:               "the instance id is still held by another member",
	UnsupportedAssignor:                "no such assignor",
	StaleMemberEpoch:                   "the member's epoch is behind the group's",
	UnsupportedEndpointType:            "an endpoint type that is not served",
	RebootstrapRequired:                "the client's cluster is another: bootstrap again",
	DuplicateVoter:                     "the node has a vote already",
	VoterNotFound:                      "the node is no member of the quorum",
	Overloaded:                         "the broker is at a limit that it was given: back off and retry",
}

// Kinds returns all kinds but None.
func Kinds() []Kind {
	all := make([]Kind, 0, len(names)-1)
	for k := None + 1; int(k) < len(names); k++ {
		all = append(all, k)
	}
	return all
}

// String returns what the kind means.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Error makes a bare Kind usable as an error.
func (k Kind) Error() string { return k.String() }

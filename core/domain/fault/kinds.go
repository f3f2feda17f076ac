package fault

import "strconv"

// Kind says which rule was broken or which condition was met. There is one for each of Kafka's error codes, under
// Kafka's name, which its users know, and one more, Overloaded, for which Kafka has no code. A Kind is itself an error,
// so that errors.Is(err, fault.TopicExists) reads as it should.
type Kind uint16

// The kinds, in the order of Kafka's codes. What each means stands in the table below.
const (
	None    Kind = iota // no fault
	Unknown             // an error without a kind: unexpected, and logged with its cause
	OffsetOutOfRange
	CorruptMessage
	UnknownTopicOrPartition
	InvalidFetchSize
	LeaderNotAvailable
	NotLeaderOrFollower
	RequestTimedOut
	BrokerNotAvailable
	ReplicaNotAvailable
	MessageTooLarge
	StaleControllerEpoch
	OffsetMetadataTooLarge
	NetworkException
	CoordinatorLoadInProgress
	CoordinatorNotAvailable
	NotCoordinator
	InvalidTopic
	RecordListTooLarge
	NotEnoughReplicas
	NotEnoughReplicasAfterAppend
	InvalidRequiredAcks
	IllegalGeneration
	InconsistentGroupProtocol
	InvalidGroupID
	UnknownMemberID
	InvalidSessionTimeout
	RebalanceInProgress
	InvalidCommitOffsetSize
	TopicAuthorizationFailed
	GroupAuthorizationFailed
	ClusterAuthorizationFailed
	InvalidTimestamp
	UnsupportedSaslMechanism
	IllegalSaslState
	UnsupportedVersion
	TopicExists
	InvalidPartitions
	InvalidReplicationFactor
	InvalidReplicaAssignment
	InvalidConfig
	NotController
	InvalidRequest
	UnsupportedForMessageFormat
	PolicyViolation
	OutOfOrderSequence
	DuplicateSequence
	InvalidProducerEpoch
	InvalidTxnState
	InvalidProducerIDMapping
	InvalidTransactionTimeout
	ConcurrentTransactions
	TransactionCoordinatorFenced
	TransactionalIDAuthorizationFailed
	SecurityDisabled
	OperationNotAttempted
	KafkaStorageError
	LogDirNotFound
	SaslAuthenticationFailed
	UnknownProducerID
	ReassignmentInProgress
	DelegationTokenAuthDisabled
	DelegationTokenNotFound
	DelegationTokenOwnerMismatch
	DelegationTokenRequestNotAllowed
	DelegationTokenAuthorizationFailed
	DelegationTokenExpired
	InvalidPrincipalType
	NonEmptyGroup
	GroupIDNotFound
	FetchSessionIDNotFound
	InvalidFetchSessionEpoch
	ListenerNotFound
	TopicDeletionDisabled
	FencedLeaderEpoch
	UnknownLeaderEpoch
	UnsupportedCompressionType
	StaleBrokerEpoch
	OffsetNotAvailable
	MemberIDRequired
	PreferredLeaderNotAvailable
	GroupMaxSizeReached
	FencedInstanceID
	EligibleLeadersNotAvailable
	ElectionNotNeeded
	NoReassignmentInProgress
	GroupSubscribedToTopic
	InvalidRecord
	UnstableOffsetCommit
	ThrottlingQuotaExceeded
	ProducerFenced
	ResourceNotFound
	DuplicateResource
	UnacceptableCredential
	InconsistentVoterSet
	InvalidUpdateVersion
	FeatureUpdateFailed
	PrincipalDeserializationFailure
	SnapshotNotFound
	PositionOutOfRange
	UnknownTopicID
	DuplicateBrokerRegistration
	BrokerIDNotRegistered
	InconsistentTopicID
	InconsistentClusterID
	TransactionalIDNotFound
	FetchSessionTopicIDError
	IneligibleReplica
	NewLeaderElected
	OffsetMovedToTieredStorage
	FencedMemberEpoch
	UnreleasedInstanceID
	UnsupportedAssignor
	StaleMemberEpoch
	MismatchedEndpointType
	UnsupportedEndpointType
	UnknownControllerID
	UnknownSubscriptionID
	TelemetryTooLarge
	InvalidRegistration
	TransactionAbortable
	InvalidRecordState
	ShareSessionNotFound
	InvalidShareSessionEpoch
	FencedStateEpoch
	InvalidVoterKey
	DuplicateVoter
	VoterNotFound
	InvalidRegularExpression
	RebootstrapRequired
	StreamsInvalidTopology
	StreamsInvalidTopologyEpoch
	StreamsTopologyFenced
	ShareSessionLimitReached
	GroupDeletionFailed
	StreamsTopologyDescriptionUpdateFailed
	ControllerIDNotRegistered
	Overloaded
)

// kinds says what each kind means, and whether Kafka's clients send the same request again after it.
var kinds = [...]kind{
	None:                                   final("no fault"),
	Unknown:                                final("an error without a kind: unexpected, and logged with its cause"),
	OffsetOutOfRange:                       final("the offset is below the log start offset or above the log end"),
	CorruptMessage:                         retriable("a record batch whose CRC, size or structure is wrong"),
	UnknownTopicOrPartition:                retriable("no such topic or partition"),
	InvalidFetchSize:                       final("a fetch asks for a negative size"),
	LeaderNotAvailable:                     retriable("the partition has no leader now"),
	NotLeaderOrFollower:                    retriable("this broker is not the replica that the request needs"),
	RequestTimedOut:                        retriable("the request's own time-out passed before it was fulfilled"),
	BrokerNotAvailable:                     final("the named broker is not alive"),
	ReplicaNotAvailable:                    retriable("the replica is not available here"),
	MessageTooLarge:                        final("a record batch larger than max.message.bytes"),
	StaleControllerEpoch:                   final("the request comes from an earlier leader of the metadata"),
	OffsetMetadataTooLarge:                 final("a committed offset's metadata is over offset.metadata.max.bytes"),
	NetworkException:                       retriable("the connection ended before the answer came"),
	CoordinatorLoadInProgress:              retriable("the coordinator is still reading its state from the log"),
	CoordinatorNotAvailable:                retriable("there is no coordinator now"),
	NotCoordinator:                         retriable("this broker does not coordinate the group"),
	InvalidTopic:                           final("an illegal topic name, or something an internal topic forbids"),
	RecordListTooLarge:                     final("a record batch larger than a segment"),
	NotEnoughReplicas:                      retriable("fewer in-sync replicas than min.insync.replicas"),
	NotEnoughReplicasAfterAppend:           retriable("after the append the in-sync replicas became too few"),
	InvalidRequiredAcks:                    final("acks is none of -1, 0, 1"),
	IllegalGeneration:                      final("the member's generation is not the group's"),
	InconsistentGroupProtocol:              final("the member's type or assignment protocols do not fit the group"),
	InvalidGroupID:                         final("an empty or illegal group id"),
	UnknownMemberID:                        final("the group has no such member"),
	InvalidSessionTimeout:                  final("a session time-out outside group.{min,max}.session.timeout.ms"),
	RebalanceInProgress:                    final("the group is rebalancing: rejoin"),
	InvalidCommitOffsetSize:                final("the commit's records would be larger than a batch may be"),
	TopicAuthorizationFailed:               final("the principal may not do this to the topic"),
	GroupAuthorizationFailed:               final("the principal may not do this to the group"),
	ClusterAuthorizationFailed:             final("the principal may not do this to the cluster"),
	InvalidTimestamp:                       final("a record's timestamp is further from now than the topic allows"),
	UnsupportedSaslMechanism:               final("a SASL mechanism that is not enabled"),
	IllegalSaslState:                       final("a SASL request out of order"),
	UnsupportedVersion:                     final("an API version, or something in a request, that is not served"),
	TopicExists:                            final("the topic's name is taken or collides with another"),
	InvalidPartitions:                      final("a number of partitions outside the limits"),
	InvalidReplicationFactor:               final("a replication factor outside 1 and the number of brokers"),
	InvalidReplicaAssignment:               final("a manual assignment that names replicas wrongly"),
	InvalidConfig:                          final("a config that does not exist or a value that it does not allow"),
	NotController:                          retriable("this broker does not lead the metadata group"),
	InvalidRequest:                         final("a request that contradicts itself"),
	UnsupportedForMessageFormat:            final("a record format (magic 0 or 1) that is not served"),
	PolicyViolation:                        final("the request breaks a policy of the broker"),
	OutOfOrderSequence:                     final("the producer's sequence does not follow its last one"),
	DuplicateSequence:                      final("the batch was appended before, further back than is remembered"),
	InvalidProducerEpoch:                   final("the producer's epoch is older than the newest known"),
	InvalidTxnState:                        final("the transaction is not in a state that allows this"),
	InvalidProducerIDMapping:               final("the producer id is not the one of the transactional id"),
	InvalidTransactionTimeout:              final("a transaction time-out above transaction.max.timeout.ms"),
	ConcurrentTransactions:                 retriable("another operation on the transaction is under way"),
	TransactionCoordinatorFenced:           final("a newer transaction coordinator exists"),
	TransactionalIDAuthorizationFailed:     final("the principal may not use the transactional id"),
	SecurityDisabled:                       final("no authorizer is configured"),
	OperationNotAttempted:                  final("not tried, because another operation of the request failed"),
	KafkaStorageError:                      retriable("the partition's log is offline after an input or output error"),
	LogDirNotFound:                         final("no such log directory"),
	SaslAuthenticationFailed:               final("the client has not proven who it is"),
	UnknownProducerID:                      final("the producer is unknown, and its sequence is not a first one"),
	ReassignmentInProgress:                 final("a reassignment of the partition is under way"),
	DelegationTokenAuthDisabled:            final("delegation tokens are not enabled"),
	DelegationTokenNotFound:                final("no such delegation token"),
	DelegationTokenOwnerMismatch:           final("the principal may not renew or expire the delegation token"),
	DelegationTokenRequestNotAllowed:       final("delegation tokens are not given out over such a connection"),
	DelegationTokenAuthorizationFailed:     final("the principal may not do this to the delegation token"),
	DelegationTokenExpired:                 final("the delegation token has expired"),
	InvalidPrincipalType:                   final("a type of principal that is not served"),
	NonEmptyGroup:                          final("the group still has members"),
	GroupIDNotFound:                        final("no such group"),
	FetchSessionIDNotFound:                 retriable("no such fetch session"),
	InvalidFetchSessionEpoch:               retriable("a fetch session epoch that does not follow the last one"),
	ListenerNotFound:                       retriable("the leader has no listener of that name"),
	TopicDeletionDisabled:                  final("delete.topic.enable is false"),
	FencedLeaderEpoch:                      retriable("the request's leader epoch is older than the partition's"),
	UnknownLeaderEpoch:                     retriable("the request's leader epoch is newer than the partition's"),
	UnsupportedCompressionType:             final("a compression type that the API version cannot carry"),
	StaleBrokerEpoch:                       final("a broker request from an older incarnation"),
	OffsetNotAvailable:                     retriable("the offset is not readable yet after a change of leader"),
	MemberIDRequired:                       final("a first join without member id: rejoin with the one given"),
	PreferredLeaderNotAvailable:            retriable("the preferred leader is not alive or not in sync"),
	GroupMaxSizeReached:                    final("the group has group.max.size members"),
	FencedInstanceID:                       final("another member has taken the static instance id"),
	EligibleLeadersNotAvailable:            retriable("no replica may be elected"),
	ElectionNotNeeded:                      retriable("the leader is already the wanted one"),
	NoReassignmentInProgress:               final("no reassignment of the partition is under way"),
	GroupSubscribedToTopic:                 final("the group consumes the topic"),
	InvalidRecord:                          final("a refused record, such as one without key in a compacted topic"),
	UnstableOffsetCommit:                   retriable("an open transaction holds a commit for the offset"),
	ThrottlingQuotaExceeded:                retriable("a quota is used up"),
	ProducerFenced:                         final("a newer producer with the same transactional id exists"),
	ResourceNotFound:                       final("no such resource"),
	DuplicateResource:                      final("the resource is named twice"),
	UnacceptableCredential:                 final("a credential that does not meet the rules"),
	InconsistentVoterSet:                   final("the voters differ"),
	InvalidUpdateVersion:                   final("a partition change against an old version"),
	FeatureUpdateFailed:                    final("a feature cannot take the wanted level"),
	PrincipalDeserializationFailure:        final("a forwarded principal cannot be read"),
	SnapshotNotFound:                       final("no such snapshot of the metadata"),
	PositionOutOfRange:                     final("the position is outside the snapshot"),
	UnknownTopicID:                         retriable("no topic has the id"),
	DuplicateBrokerRegistration:            final("another live broker has the id"),
	BrokerIDNotRegistered:                  final("no broker has the id"),
	InconsistentTopicID:                    retriable("the id is not the named topic's"),
	InconsistentClusterID:                  final("the cluster's id is another"),
	TransactionalIDNotFound:                final("no such transactional id"),
	FetchSessionTopicIDError:               retriable("a fetch session changes between topic ids and topic names"),
	IneligibleReplica:                      final("the replica may not join the in-sync replicas"),
	NewLeaderElected:                       final("the change was applied and elected a new leader"),
	OffsetMovedToTieredStorage:             final("the offset is in tiered storage only"),
	FencedMemberEpoch:                      final("the member's epoch is not the group's"),
	UnreleasedInstanceID:                   final("the instance id is still held by another member"),
	UnsupportedAssignor:                    final("no such assignor"),
	StaleMemberEpoch:                       final("the member's epoch is behind the group's"),
	MismatchedEndpointType:                 final("the request is not served at an endpoint of this type"),
	UnsupportedEndpointType:                final("an endpoint type that is not served"),
	UnknownControllerID:                    final("no voter of the metadata has the id"),
	UnknownSubscriptionID:                  final("the client's subscription to telemetry is not the present one"),
	TelemetryTooLarge:                      final("the telemetry is larger than the broker takes"),
	InvalidRegistration:                    final("the registration of the broker is not valid"),
	TransactionAbortable:                   final("the transaction cannot be committed: abort it and go on"),
	InvalidRecordState:                     final("the record cannot be acknowledged in its state"),
	ShareSessionNotFound:                   retriable("no such share session"),
	InvalidShareSessionEpoch:               retriable("a share session epoch that does not follow the last one"),
	FencedStateEpoch:                       final("the state epoch is older than the share partition's"),
	InvalidVoterKey:                        final("the directory is not the one under which the node votes"),
	DuplicateVoter:                         final("the node has a vote already"),
	VoterNotFound:                          final("the node is no member of the quorum"),
	InvalidRegularExpression:               final("an illegal regular expression"),
	RebootstrapRequired:                    final("the client's cluster is another: bootstrap again"),
	StreamsInvalidTopology:                 final("an illegal topology of a streams group"),
	StreamsInvalidTopologyEpoch:            final("an illegal topology epoch of a streams group"),
	StreamsTopologyFenced:                  final("the topology epoch is older than the streams group's"),
	ShareSessionLimitReached:               retriable("the broker has as many share sessions as it may have"),
	GroupDeletionFailed:                    final("the group was not deleted"),
	StreamsTopologyDescriptionUpdateFailed: final("the description of the topology was not taken over"),
	ControllerIDNotRegistered:              final("no controller has the id"),
	Overloaded:                             retriable("the broker is at a limit that it was given: back off and retry"),
}

// kind is what a Kind stands for.
type kind struct {
	text      string
	retriable bool
}

// retriable is a kind that may pass, so that the same request may succeed later.
func retriable(text string) kind { return kind{text: text, retriable: true} }

// final is a kind that stays until something else is changed, above all the request.
func final(text string) kind { return kind{text: text} }

// Kinds returns all kinds but None.
func Kinds() []Kind {
	all := make([]Kind, 0, len(kinds)-1)
	for k := None + 1; int(k) < len(kinds); k++ {
		all = append(all, k)
	}
	return all
}

// String returns what the kind means.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].text
	}
	return "kind " + strconv.Itoa(int(k))
}

// Error makes a bare Kind usable as an error.
func (k Kind) Error() string { return k.String() }

// Retriable reports whether a request that has failed with the kind may succeed when it is sent again, later or after a
// refresh of the metadata. Kafka's clients go by the same rule (org.apache.kafka.common.errors.RetriableException). A
// service that knows more about its request may decide otherwise.
func (k Kind) Retriable() bool { return int(k) < len(kinds) && kinds[k].retriable }

package fault

import "strconv"

// Kind says which rule was broken or which condition was met. There is one for each of Kafka's error codes, under its name,
// because those are the words that its users know, and one more for what Kafka has no code for. A Kind is itself an error,
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

// kinds says what each kind means. retriable is Kafka's word for it: its clients try again what has failed so.
var kinds = [...]struct {
	text      string
	retriable bool
}{
	None:                                   {text: "no fault"},
	Unknown:                                {text: "an error without a kind: unexpected, and logged with its cause"},
	OffsetOutOfRange:                       {text: "the offset is below the log start offset or above the log end"},
	CorruptMessage:                         {text: "a record batch whose CRC, size or structure is wrong", retriable: true},
	UnknownTopicOrPartition:                {text: "no such topic or partition", retriable: true},
	InvalidFetchSize:                       {text: "a fetch asks for a negative size"},
	LeaderNotAvailable:                     {text: "the partition has no leader now", retriable: true},
	NotLeaderOrFollower:                    {text: "this broker is not the replica that the request needs", retriable: true},
	RequestTimedOut:                        {text: "the request's own time-out passed before it was fulfilled", retriable: true},
	BrokerNotAvailable:                     {text: "the named broker is not alive"},
	ReplicaNotAvailable:                    {text: "the replica is not available here", retriable: true},
	MessageTooLarge:                        {text: "a record batch larger than max.message.bytes"},
	StaleControllerEpoch:                   {text: "the request comes from an earlier leader of the metadata"},
	OffsetMetadataTooLarge:                 {text: "a committed offset's metadata is longer than offset.metadata.max.bytes"},
	NetworkException:                       {text: "the connection ended before the answer came", retriable: true},
	CoordinatorLoadInProgress:              {text: "the coordinator is still reading its state from the log", retriable: true},
	CoordinatorNotAvailable:                {text: "there is no coordinator now", retriable: true},
	NotCoordinator:                         {text: "this broker does not coordinate the group", retriable: true},
	InvalidTopic:                           {text: "an illegal topic name, or an operation that an internal topic forbids"},
	RecordListTooLarge:                     {text: "a record batch larger than a segment"},
	NotEnoughReplicas:                      {text: "fewer in-sync replicas than min.insync.replicas", retriable: true},
	NotEnoughReplicasAfterAppend:           {text: "the record was appended, then the in-sync replicas became too few", retriable: true},
	InvalidRequiredAcks:                    {text: "acks is none of -1, 0, 1"},
	IllegalGeneration:                      {text: "the member's generation is not the group's"},
	InconsistentGroupProtocol:              {text: "the member shares no assignment protocol with the group, or its type differs"},
	InvalidGroupID:                         {text: "an empty or illegal group id"},
	UnknownMemberID:                        {text: "the group has no such member"},
	InvalidSessionTimeout:                  {text: "a session time-out outside group.min.session.timeout.ms and group.max.session.timeout.ms"},
	RebalanceInProgress:                    {text: "the group is rebalancing: rejoin"},
	InvalidCommitOffsetSize:                {text: "the commit's records would be larger than a batch may be"},
	TopicAuthorizationFailed:               {text: "the principal may not do this to the topic"},
	GroupAuthorizationFailed:               {text: "the principal may not do this to the group"},
	ClusterAuthorizationFailed:             {text: "the principal may not do this to the cluster"},
	InvalidTimestamp:                       {text: "a record's timestamp is further from now than the topic allows"},
	UnsupportedSaslMechanism:               {text: "a SASL mechanism that is not enabled"},
	IllegalSaslState:                       {text: "a SASL request out of order"},
	UnsupportedVersion:                     {text: "an API version, or something in a request, that is not served"},
	TopicExists:                            {text: "the topic's name is taken or collides with another"},
	InvalidPartitions:                      {text: "a number of partitions outside the limits"},
	InvalidReplicationFactor:               {text: "a replication factor outside 1 and the number of brokers"},
	InvalidReplicaAssignment:               {text: "a manual assignment that names replicas wrongly"},
	InvalidConfig:                          {text: "a config that does not exist or a value that it does not allow"},
	NotController:                          {text: "this broker does not lead the metadata group", retriable: true},
	InvalidRequest:                         {text: "a request that contradicts itself"},
	UnsupportedForMessageFormat:            {text: "a record format (magic 0 or 1) that is not served"},
	PolicyViolation:                        {text: "the request breaks a policy of the broker"},
	OutOfOrderSequence:                     {text: "the producer's sequence does not follow its last one"},
	DuplicateSequence:                      {text: "the producer's batch was appended before, further back than is remembered"},
	InvalidProducerEpoch:                   {text: "the producer's epoch is older than the newest known"},
	InvalidTxnState:                        {text: "the transaction is not in a state that allows this"},
	InvalidProducerIDMapping:               {text: "the producer id is not the one of the transactional id"},
	InvalidTransactionTimeout:              {text: "a transaction time-out above transaction.max.timeout.ms"},
	ConcurrentTransactions:                 {text: "another operation on the transaction is under way", retriable: true},
	TransactionCoordinatorFenced:           {text: "a newer transaction coordinator exists"},
	TransactionalIDAuthorizationFailed:     {text: "the principal may not use the transactional id"},
	SecurityDisabled:                       {text: "no authorizer is configured"},
	OperationNotAttempted:                  {text: "the operation was not tried, because another one of the same request failed"},
	KafkaStorageError:                      {text: "the partition's log is offline after an input or output error", retriable: true},
	LogDirNotFound:                         {text: "no such log directory"},
	SaslAuthenticationFailed:               {text: "the client has not proven who it is"},
	UnknownProducerID:                      {text: "the producer's state is not known, and its sequence is not a first one"},
	ReassignmentInProgress:                 {text: "a reassignment of the partition is under way"},
	DelegationTokenAuthDisabled:            {text: "delegation tokens are not enabled"},
	DelegationTokenNotFound:                {text: "no such delegation token"},
	DelegationTokenOwnerMismatch:           {text: "the principal may not renew or expire the delegation token"},
	DelegationTokenRequestNotAllowed:       {text: "delegation tokens are not given out over such a connection"},
	DelegationTokenAuthorizationFailed:     {text: "the principal may not do this to the delegation token"},
	DelegationTokenExpired:                 {text: "the delegation token has expired"},
	InvalidPrincipalType:                   {text: "a type of principal that is not served"},
	NonEmptyGroup:                          {text: "the group still has members"},
	GroupIDNotFound:                        {text: "no such group"},
	FetchSessionIDNotFound:                 {text: "no such fetch session", retriable: true},
	InvalidFetchSessionEpoch:               {text: "a fetch session epoch that does not follow the last one", retriable: true},
	ListenerNotFound:                       {text: "the leader has no listener of that name", retriable: true},
	TopicDeletionDisabled:                  {text: "delete.topic.enable is false"},
	FencedLeaderEpoch:                      {text: "the request's leader epoch is older than the partition's", retriable: true},
	UnknownLeaderEpoch:                     {text: "the request's leader epoch is newer than the partition's", retriable: true},
	UnsupportedCompressionType:             {text: "a compression type that the API version cannot carry"},
	StaleBrokerEpoch:                       {text: "a broker request from an older incarnation"},
	OffsetNotAvailable:                     {text: "the offset is not readable yet after a change of leader", retriable: true},
	MemberIDRequired:                       {text: "a first join without member id: rejoin with the one given"},
	PreferredLeaderNotAvailable:            {text: "the preferred leader is not alive or not in sync", retriable: true},
	GroupMaxSizeReached:                    {text: "the group has group.max.size members"},
	FencedInstanceID:                       {text: "another member has taken the static instance id"},
	EligibleLeadersNotAvailable:            {text: "no replica may be elected", retriable: true},
	ElectionNotNeeded:                      {text: "the leader is already the wanted one", retriable: true},
	NoReassignmentInProgress:               {text: "no reassignment of the partition is under way"},
	GroupSubscribedToTopic:                 {text: "the group consumes the topic"},
	InvalidRecord:                          {text: "a record that the broker refuses, such as one without key in a compacted topic"},
	UnstableOffsetCommit:                   {text: "an open transaction holds a commit for the offset", retriable: true},
	ThrottlingQuotaExceeded:                {text: "a quota is used up", retriable: true},
	ProducerFenced:                         {text: "a newer producer with the same transactional id exists"},
	ResourceNotFound:                       {text: "no such resource"},
	DuplicateResource:                      {text: "the resource is named twice"},
	UnacceptableCredential:                 {text: "a credential that does not meet the rules"},
	InconsistentVoterSet:                   {text: "the voters differ"},
	InvalidUpdateVersion:                   {text: "a partition change against an old version"},
	FeatureUpdateFailed:                    {text: "a feature cannot take the wanted level"},
	PrincipalDeserializationFailure:        {text: "a forwarded principal cannot be read"},
	SnapshotNotFound:                       {text: "no such snapshot of the metadata"},
	PositionOutOfRange:                     {text: "the position is outside the snapshot"},
	UnknownTopicID:                         {text: "no topic has the id", retriable: true},
	DuplicateBrokerRegistration:            {text: "another live broker has the id"},
	BrokerIDNotRegistered:                  {text: "no broker has the id"},
	InconsistentTopicID:                    {text: "the id is not the named topic's", retriable: true},
	InconsistentClusterID:                  {text: "the cluster's id is another"},
	TransactionalIDNotFound:                {text: "no such transactional id"},
	FetchSessionTopicIDError:               {text: "a fetch session that began with topic ids goes on with names, or the other way round", retriable: true},
	IneligibleReplica:                      {text: "the replica may not join the in-sync replicas"},
	NewLeaderElected:                       {text: "the change was applied and elected a new leader"},
	OffsetMovedToTieredStorage:             {text: "the offset is in tiered storage only"},
	FencedMemberEpoch:                      {text: "the member's epoch is not the group's"},
	UnreleasedInstanceID:                   {text: "the instance id is still held by another member"},
	UnsupportedAssignor:                    {text: "no such assignor"},
	StaleMemberEpoch:                       {text: "the member's epoch is behind the group's"},
	MismatchedEndpointType:                 {text: "the request is not served at an endpoint of this type"},
	UnsupportedEndpointType:                {text: "an endpoint type that is not served"},
	UnknownControllerID:                    {text: "no voter of the metadata has the id"},
	UnknownSubscriptionID:                  {text: "the client's subscription to telemetry is not the present one"},
	TelemetryTooLarge:                      {text: "the telemetry is larger than the broker takes"},
	InvalidRegistration:                    {text: "the registration of the broker is not valid"},
	TransactionAbortable:                   {text: "the transaction cannot be committed: abort it and go on"},
	InvalidRecordState:                     {text: "the record cannot be acknowledged in its state"},
	ShareSessionNotFound:                   {text: "no such share session", retriable: true},
	InvalidShareSessionEpoch:               {text: "a share session epoch that does not follow the last one", retriable: true},
	FencedStateEpoch:                       {text: "the state epoch is older than the share partition's"},
	InvalidVoterKey:                        {text: "the directory is not the one under which the node votes"},
	DuplicateVoter:                         {text: "the node has a vote already"},
	VoterNotFound:                          {text: "the node is no member of the quorum"},
	InvalidRegularExpression:               {text: "an illegal regular expression"},
	RebootstrapRequired:                    {text: "the client's cluster is another: bootstrap again"},
	StreamsInvalidTopology:                 {text: "an illegal topology of a streams group"},
	StreamsInvalidTopologyEpoch:            {text: "an illegal topology epoch of a streams group"},
	StreamsTopologyFenced:                  {text: "the topology epoch is older than the streams group's"},
	ShareSessionLimitReached:               {text: "the broker has as many share sessions as it may have", retriable: true},
	GroupDeletionFailed:                    {text: "the group was not deleted"},
	StreamsTopologyDescriptionUpdateFailed: {text: "the description of the topology was not taken over"},
	ControllerIDNotRegistered:              {text: "no controller has the id"},
	Overloaded:                             {text: "the broker is at a limit that it was given: back off and retry", retriable: true},
}

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

// Retriable reports whether what has failed so may succeed when the same is asked again, later or after a look at the
// metadata. It is what Kafka's clients go by (org.apache.kafka.common.errors.RetriableException), so it says what they do
// with an answer. A service that knows why it asks may know better.
func (k Kind) Retriable() bool { return int(k) < len(kinds) && kinds[k].retriable }

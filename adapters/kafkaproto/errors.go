package kafkaproto

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// codes says which error a client gets for each kind of fault. What has no kind is UNKNOWN_SERVER_ERROR.
var codes = map[fault.Kind]*kerr.Error{
	fault.Unknown:                            kerr.UnknownServerError,
	fault.OffsetOutOfRange:                   kerr.OffsetOutOfRange,
	fault.CorruptMessage:                     kerr.CorruptMessage,
	fault.UnknownTopicOrPartition:            kerr.UnknownTopicOrPartition,
	fault.InvalidFetchSize:                   kerr.InvalidFetchSize,
	fault.LeaderNotAvailable:                 kerr.LeaderNotAvailable,
	fault.NotLeaderOrFollower:                kerr.NotLeaderForPartition,
	fault.RequestTimedOut:                    kerr.RequestTimedOut,
	fault.BrokerNotAvailable:                 kerr.BrokerNotAvailable,
	fault.ReplicaNotAvailable:                kerr.ReplicaNotAvailable,
	fault.MessageTooLarge:                    kerr.MessageTooLarge,
	fault.OffsetMetadataTooLarge:             kerr.OffsetMetadataTooLarge,
	fault.CoordinatorLoadInProgress:          kerr.CoordinatorLoadInProgress,
	fault.CoordinatorNotAvailable:            kerr.CoordinatorNotAvailable,
	fault.NotCoordinator:                     kerr.NotCoordinator,
	fault.InvalidTopic:                       kerr.InvalidTopicException,
	fault.RecordListTooLarge:                 kerr.RecordListTooLarge,
	fault.NotEnoughReplicas:                  kerr.NotEnoughReplicas,
	fault.NotEnoughReplicasAfterAppend:       kerr.NotEnoughReplicasAfterAppend,
	fault.InvalidRequiredAcks:                kerr.InvalidRequiredAcks,
	fault.IllegalGeneration:                  kerr.IllegalGeneration,
	fault.InconsistentGroupProtocol:          kerr.InconsistentGroupProtocol,
	fault.InvalidGroupID:                     kerr.InvalidGroupID,
	fault.UnknownMemberID:                    kerr.UnknownMemberID,
	fault.InvalidSessionTimeout:              kerr.InvalidSessionTimeout,
	fault.RebalanceInProgress:                kerr.RebalanceInProgress,
	fault.InvalidCommitOffsetSize:            kerr.InvalidCommitOffsetSize,
	fault.TopicAuthorizationFailed:           kerr.TopicAuthorizationFailed,
	fault.GroupAuthorizationFailed:           kerr.GroupAuthorizationFailed,
	fault.ClusterAuthorizationFailed:         kerr.ClusterAuthorizationFailed,
	fault.InvalidTimestamp:                   kerr.InvalidTimestamp,
	fault.UnsupportedSaslMechanism:           kerr.UnsupportedSaslMechanism,
	fault.IllegalSaslState:                   kerr.IllegalSaslState,
	fault.UnsupportedVersion:                 kerr.UnsupportedVersion,
	fault.TopicExists:                        kerr.TopicAlreadyExists,
	fault.InvalidPartitions:                  kerr.InvalidPartitions,
	fault.InvalidReplicationFactor:           kerr.InvalidReplicationFactor,
	fault.InvalidReplicaAssignment:           kerr.InvalidReplicaAssignment,
	fault.InvalidConfig:                      kerr.InvalidConfig,
	fault.NotController:                      kerr.NotController,
	fault.InvalidRequest:                     kerr.InvalidRequest,
	fault.UnsupportedForMessageFormat:        kerr.UnsupportedForMessageFormat,
	fault.PolicyViolation:                    kerr.PolicyViolation,
	fault.OutOfOrderSequence:                 kerr.OutOfOrderSequenceNumber,
	fault.DuplicateSequence:                  kerr.DuplicateSequenceNumber,
	fault.InvalidProducerEpoch:               kerr.InvalidProducerEpoch,
	fault.InvalidTxnState:                    kerr.InvalidTxnState,
	fault.InvalidProducerIDMapping:           kerr.InvalidProducerIDMapping,
	fault.InvalidTransactionTimeout:          kerr.InvalidTransactionTimeout,
	fault.ConcurrentTransactions:             kerr.ConcurrentTransactions,
	fault.TransactionCoordinatorFenced:       kerr.TransactionCoordinatorFenced,
	fault.TransactionalIDAuthorizationFailed: kerr.TransactionalIDAuthorizationFailed,
	fault.SecurityDisabled:                   kerr.SecurityDisabled,
	fault.KafkaStorageError:                  kerr.KafkaStorageError,
	fault.LogDirNotFound:                     kerr.LogDirNotFound,
	fault.UnknownProducerID:                  kerr.UnknownProducerID,
	fault.ReassignmentInProgress:             kerr.ReassignmentInProgress,
	fault.DelegationTokenAuthDisabled:        kerr.DelegationTokenAuthDisabled,
	fault.NonEmptyGroup:                      kerr.NonEmptyGroup,
	fault.GroupIDNotFound:                    kerr.GroupIDNotFound,
	fault.FetchSessionIDNotFound:             kerr.FetchSessionIDNotFound,
	fault.InvalidFetchSessionEpoch:           kerr.InvalidFetchSessionEpoch,
	fault.ListenerNotFound:                   kerr.ListenerNotFound,
	fault.TopicDeletionDisabled:              kerr.TopicDeletionDisabled,
	fault.FencedLeaderEpoch:                  kerr.FencedLeaderEpoch,
	fault.UnknownLeaderEpoch:                 kerr.UnknownLeaderEpoch,
	fault.UnsupportedCompressionType:         kerr.UnsupportedCompressionType,
	fault.StaleBrokerEpoch:                   kerr.StaleBrokerEpoch,
	fault.OffsetNotAvailable:                 kerr.OffsetNotAvailable,
	fault.MemberIDRequired:                   kerr.MemberIDRequired,
	fault.PreferredLeaderNotAvailable:        kerr.PreferredLeaderNotAvailable,
	fault.GroupMaxSizeReached:                kerr.GroupMaxSizeReached,
	fault.FencedInstanceID:                   kerr.FencedInstanceID,
	fault.EligibleLeadersNotAvailable:        kerr.EligibleLeadersNotAvailable,
	fault.ElectionNotNeeded:                  kerr.ElectionNotNeeded,
	fault.NoReassignmentInProgress:           kerr.NoReassignmentInProgress,
	fault.GroupSubscribedToTopic:             kerr.GroupSubscribedToTopic,
	fault.InvalidRecord:                      kerr.InvalidRecord,
	fault.UnstableOffsetCommit:               kerr.UnstableOffsetCommit,
	fault.ThrottlingQuotaExceeded:            kerr.ThrottlingQuotaExceeded,
	fault.ProducerFenced:                     kerr.ProducerFenced,
	fault.ResourceNotFound:                   kerr.ResourceNotFound,
	fault.DuplicateResource:                  kerr.DuplicateResource,
	fault.UnacceptableCredential:             kerr.UnacceptableCredential,
	fault.InconsistentVoterSet:               kerr.InconsistentVoterSet,
	fault.InvalidUpdateVersion:               kerr.InvalidUpdateVersion,
	fault.FeatureUpdateFailed:                kerr.FeatureUpdateFailed,
	fault.PrincipalDeserializationFailure:    kerr.PrincipalDeserializationFailure,
	fault.UnknownTopicID:                     kerr.UnknownTopicID,
	fault.DuplicateBrokerRegistration:        kerr.DuplicateBrokerRegistration,
	fault.BrokerIDNotRegistered:              kerr.BrokerIDNotRegistered,
	fault.InconsistentTopicID:                kerr.InconsistentTopicID,
	fault.InconsistentClusterID:              kerr.InconsistentClusterID,
	fault.TransactionalIDNotFound:            kerr.TransactionalIDNotFound,
	fault.FetchSessionTopicIDError:           kerr.FetchSessionTopicIDError,
	fault.IneligibleReplica:                  kerr.IneligibleReplica,
	fault.NewLeaderElected:                   kerr.NewLeaderElected,
	fault.OffsetMovedToTieredStorage:         kerr.OffsetMovedToTieredStorage,
	fault.FencedMemberEpoch:                  kerr.FencedMemberEpoch,
	fault.UnreleasedInstanceID:               kerr.UnreleasedInstanceID,
	fault.UnsupportedAssignor:                kerr.UnsupportedAssignor,
	fault.StaleMemberEpoch:                   kerr.StaleMemberEpoch,
	fault.UnsupportedEndpointType:            kerr.UnsupportedEndpointType,
	fault.RebootstrapRequired:                kerr.RebootstrapRequired,
	fault.DuplicateVoter:                     kerr.DuplicateVoter,
	fault.VoterNotFound:                      kerr.VoterNotFound,
	// Kafka has no code for a broker that is at its limits. This one makes clients back off and retry.
	fault.Overloaded: kerr.ThrottlingQuotaExceeded,
}

// codeOf returns Kafka's code for err, 0 for nil. known is false for an error that has no kind and should be logged.
func codeOf(err error) (code int16, known bool) {
	if err == nil {
		return 0, true
	}
	kind := fault.KindOf(err)
	if kind == fault.Unknown && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return kerr.RequestTimedOut.Code, true // the broker stops or the client has gone; who is left may retry
	}
	k, ok := codes[kind]
	if !ok {
		return kerr.UnknownServerError.Code, false
	}
	return k.Code, kind != fault.Unknown
}

// messageOf returns what a client may read about err, nil when that is no more than what the code says.
func messageOf(err error) *string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind == fault.Unknown || f.Detail == "" {
		return nil
	}
	return &f.Detail
}

// describe is messageOf for the answers in which Kafka says what the code means, too.
func describe(err error) *string {
	if m := messageOf(err); m != nil || err == nil {
		return m
	}
	code, _ := codeOf(err)
	e, ok := errors.AsType[*kerr.Error](kerr.ErrorForCode(code))
	if !ok {
		return nil
	}
	return &e.Description
}

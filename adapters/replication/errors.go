//go:build raft

package replication

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// kinds are what other brokers' error codes mean here.
var kinds = map[int16]fault.Kind{
	kerr.NotController.Code:            fault.NotController,
	kerr.StaleBrokerEpoch.Code:         fault.StaleBrokerEpoch,
	kerr.NotLeaderForPartition.Code:    fault.NotLeaderOrFollower,
	kerr.FencedLeaderEpoch.Code:        fault.FencedLeaderEpoch,
	kerr.UnknownLeaderEpoch.Code:       fault.UnknownLeaderEpoch,
	kerr.UnknownTopicID.Code:           fault.UnknownTopicID,
	kerr.UnknownTopicOrPartition.Code:  fault.UnknownTopicOrPartition,
	kerr.OffsetOutOfRange.Code:         fault.OffsetOutOfRange,
	kerr.KafkaStorageError.Code:        fault.KafkaStorageError,
	kerr.RequestTimedOut.Code:          fault.RequestTimedOut,
	kerr.FetchSessionIDNotFound.Code:   fault.FetchSessionIDNotFound,
	kerr.InvalidFetchSessionEpoch.Code: fault.InvalidFetchSessionEpoch,
	kerr.FetchSessionTopicIDError.Code: fault.FetchSessionTopicIDError,
	kerr.CorruptMessage.Code:           fault.CorruptMessage,
}

// faultOf returns the fault of an error code, nil for none.
func faultOf(code int16) error {
	if code == 0 {
		return nil
	}
	if kind, ok := kinds[code]; ok {
		return kind
	}
	return fault.New(fault.Unknown, "the other broker answers %w", kerr.ErrorForCode(code))
}

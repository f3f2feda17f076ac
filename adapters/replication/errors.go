package replication

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// kinds are what other brokers' error codes mean here.
var kinds = map[int16]fault.Kind{
	kerr.NotController.Code:              fault.NotController,
	kerr.StaleBrokerEpoch.Code:           fault.StaleBrokerEpoch,
	kerr.NotLeaderForPartition.Code:      fault.NotLeaderOrFollower,
	kerr.FencedLeaderEpoch.Code:          fault.FencedLeaderEpoch,
	kerr.UnknownLeaderEpoch.Code:         fault.UnknownLeaderEpoch,
	kerr.UnknownTopicID.Code:             fault.UnknownTopicID,
	kerr.UnknownTopicOrPartition.Code:    fault.UnknownTopicOrPartition,
	kerr.OffsetOutOfRange.Code:           fault.OffsetOutOfRange,
	kerr.KafkaStorageError.Code:          fault.KafkaStorageError,
	kerr.RequestTimedOut.Code:            fault.RequestTimedOut,
	kerr.FetchSessionIDNotFound.Code:     fault.FetchSessionIDNotFound,
	kerr.InvalidFetchSessionEpoch.Code:   fault.InvalidFetchSessionEpoch,
	kerr.FetchSessionTopicIDError.Code:   fault.FetchSessionTopicIDError,
	kerr.CorruptMessage.Code:             fault.CorruptMessage,
	kerr.ClusterAuthorizationFailed.Code: fault.ClusterAuthorizationFailed,
}

// faultOf returns the fault of an error code, nil for none.
func faultOf(code int16) error {
	if code == 0 {
		return nil
	}
	switch kind, ok := kinds[code]; {
	case ok && kind == fault.ClusterAuthorizationFailed:
		return fault.New(kind, "the other broker does not take this one for a broker of its cluster: cluster.ca_file, cert_file and key_file must be set "+
			"here, and a certificate that names a node must name this one")
	case ok:
		return kind
	}
	return fault.New(fault.Unknown, "the other broker answers %w", kerr.ErrorForCode(code))
}

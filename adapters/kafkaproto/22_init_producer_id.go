package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// InitProducerId: v0-5, for idempotent producers. A transactional id is refused with UNSUPPORTED_VERSION, which
// producers do not retry: transactions are not served.
//
// * v3: the producer's current id and epoch (KIP-360)

func (x *exchange) initProducerID(req *kmsg.InitProducerIDRequest) *kmsg.InitProducerIDResponse {
	resp := kmsg.NewPtrInitProducerIDResponse()
	var err error
	switch {
	case req.TransactionalID != nil && *req.TransactionalID == "":
		err = fault.InvalidRequest
	case req.TransactionalID != nil:
		err = fault.New(fault.UnsupportedVersion, "transactions are not served")
	case (req.ProducerID == -1) != (req.ProducerEpoch == -1):
		err = fault.InvalidRequest // one without the other
	default:
		resp.ProducerID, resp.ProducerEpoch, err = x.services().ProducerIDs.InitProducerID(
			x.ctx, req.ProducerID, req.ProducerEpoch)
	}
	if err != nil {
		resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = x.code(err), -1, -1
	}
	return resp
}

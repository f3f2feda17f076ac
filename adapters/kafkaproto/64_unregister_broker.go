package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
)

// UnregisterBroker: v0 (KIP-631). A broker that is in service and holds replicas is not forgotten; Kafka would cut it off.

func (x *exchange) unregisterBroker(req *kmsg.UnregisterBrokerRequest) *kmsg.UnregisterBrokerResponse {
	ctx, stop := x.waiting(true)
	defer stop()
	err := x.services().Assignments.Unregister(ctx, req.BrokerID)
	resp := kmsg.NewPtrUnregisterBrokerResponse()
	resp.ErrorCode, resp.ErrorMessage = x.code(err), kafkaerrors.Describe(err)
	return resp
}

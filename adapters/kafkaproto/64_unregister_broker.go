package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
)

// UnregisterBroker: v0 (KIP-631). An unfenced broker that holds replicas is not unregistered; Kafka would do it.

func (x *exchange) unregisterBroker(req *kmsg.UnregisterBrokerRequest) *kmsg.UnregisterBrokerResponse {
	ctx, stop := x.waiting(true)
	defer stop()
	err := x.services().Assignments.Unregister(ctx, req.BrokerID)
	resp := kmsg.NewPtrUnregisterBrokerResponse()
	resp.ErrorCode, resp.ErrorMessage = x.code(err), kafkaerrors.Describe(err)
	return resp
}

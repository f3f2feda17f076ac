package kafkaproto

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// FindCoordinator: v0-6.
//
// * v1: the type of coordinator; v4: many keys at once (KIP-699); v6: share coordinators (KIP-932)
//
// Only groups have a coordinator here. The others are refused with UNSUPPORTED_VERSION, which clients do not retry.

// The types of coordinators.
const (
	groupCoordinator       = 0
	transactionCoordinator = 1
	shareCoordinator       = 2
)

func (x *exchange) findCoordinator(req *kmsg.FindCoordinatorRequest) *kmsg.FindCoordinatorResponse {
	resp := kmsg.NewPtrFindCoordinatorResponse()
	if req.Version < 4 {
		e, err := x.coordinator(req.CoordinatorType, req.CoordinatorKey)
		resp.NodeID, resp.Host, resp.Port = e.node, e.host, e.port
		resp.ErrorCode, resp.ErrorMessage = x.code(err), kafkaerrors.Describe(err)
		if err == nil {
			none := "NONE" // as Kafka answers
			resp.ErrorMessage = &none
		}
		return resp
	}
	for _, key := range req.CoordinatorKeys {
		e, err := x.coordinator(req.CoordinatorType, key)
		out := kmsg.NewFindCoordinatorResponseCoordinator()
		out.Key = key
		out.NodeID = e.node
		out.Host = e.host
		out.Port = e.port
		message := orEmpty(kafkaerrors.Message(err)) // never null, as Kafka has it
		if req.CoordinatorType > shareCoordinator || req.CoordinatorType < groupCoordinator {
			message = *kafkaerrors.Describe(err)
		}
		out.ErrorCode, out.ErrorMessage = x.code(err), &message
		resp.Coordinators = append(resp.Coordinators, out)
	}
	return resp
}

// coordinator returns the broker that coordinates key.
func (x *exchange) coordinator(kind int8, key string) (endpoint, error) {
	nobody := endpoint{node: -1, port: -1}
	switch kind {
	case groupCoordinator:
	case transactionCoordinator:
		return nobody, fault.New(fault.UnsupportedVersion, "transactions are not served")
	case shareCoordinator:
		if x.version >= 6 {
			return nobody, fault.New(fault.InvalidRequest, "share groups are not served")
		}
		return nobody, fault.InvalidRequest
	default:
		return nobody, fault.InvalidRequest
	}
	node, err := x.services().Groups.Find(x.ctx, key)
	if err != nil {
		return nobody, err
	}
	brokers := x.brokers()
	i := slices.IndexFunc(brokers, func(e endpoint) bool { return e.node == node })
	if i < 0 {
		return nobody, fault.CoordinatorNotAvailable
	}
	return brokers[i], nil
}

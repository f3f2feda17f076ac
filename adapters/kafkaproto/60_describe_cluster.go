package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// DescribeCluster: v0-2.
//
// * v1: the type of endpoints asked for (KIP-919): brokers, as here, or controllers
// * v2: fenced brokers (KIP-1073)

// The types of endpoints.
const (
	brokerEndpoints     = 1
	controllerEndpoints = 2
)

func (x *exchange) describeCluster(req *kmsg.DescribeClusterRequest) *kmsg.DescribeClusterResponse {
	resp := kmsg.NewPtrDescribeClusterResponse()
	switch {
	case req.Version == 0 || req.EndpointType == brokerEndpoints:
	case req.EndpointType == controllerEndpoints:
		err := fault.New(fault.MismatchedEndpointType,
			"The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER")
		resp.ErrorCode, resp.ErrorMessage = x.code(err), kafkaerrors.Message(err)
		return resp
	default:
		err := fault.New(fault.UnsupportedEndpointType, "Unsupported endpoint type %d", req.EndpointType)
		resp.ErrorCode, resp.ErrorMessage = x.code(err), kafkaerrors.Message(err)
		return resp
	}
	x.awaitUnfenced()
	resp.EndpointType = brokerEndpoints
	resp.ClusterID = x.services().Metadata.Image().ClusterID()
	resp.ControllerID = x.services().Metadata.Leadership().NodeID
	brokers := x.brokers()
	if req.IncludeFencedBrokers {
		brokers = x.allBrokers()
	}
	for _, b := range brokers {
		broker := kmsg.NewDescribeClusterResponseBroker()
		broker.NodeID = b.node
		broker.Host = b.host
		broker.Port = b.port
		broker.Rack = b.rack
		broker.IsFenced = b.fenced
		resp.Brokers = append(resp.Brokers, broker)
	}
	if req.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = clusterOperations()
	}
	return resp
}

package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// DescribeAcls (29), CreateAcls (30), DeleteAcls (31): v1-3. Without an authorizer Kafka answers them with
// SECURITY_DISABLED, and so does this broker, which has none.

func errNoAuthorizer() error {
	return fault.New(fault.SecurityDisabled, "No Authorizer is configured.")
}

func (x *exchange) describeACLs(*kmsg.DescribeACLsRequest) *kmsg.DescribeACLsResponse {
	resp := kmsg.NewPtrDescribeACLsResponse()
	err := fault.New(fault.SecurityDisabled, "No Authorizer is configured on the broker")
	resp.ErrorCode, resp.ErrorMessage = x.code(err), kafkaerrors.Message(err)
	return resp
}

func (x *exchange) createACLs(req *kmsg.CreateACLsRequest) *kmsg.CreateACLsResponse {
	resp := kmsg.NewPtrCreateACLsResponse()
	for range req.Creations {
		err := errNoAuthorizer()
		out := kmsg.NewCreateACLsResponseResult()
		out.ErrorCode, out.ErrorMessage = x.code(err), kafkaerrors.Message(err)
		resp.Results = append(resp.Results, out)
	}
	return resp
}

func (x *exchange) deleteACLs(req *kmsg.DeleteACLsRequest) *kmsg.DeleteACLsResponse {
	resp := kmsg.NewPtrDeleteACLsResponse()
	for range req.Filters {
		err := errNoAuthorizer()
		out := kmsg.NewDeleteACLsResponseResult()
		out.ErrorCode, out.ErrorMessage = x.code(err), kafkaerrors.Message(err)
		resp.Results = append(resp.Results, out)
	}
	return resp
}

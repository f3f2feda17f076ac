package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
)

// IncrementalAlterConfigs: v0-1 (KIP-339).

func (x *exchange) incrementalAlterConfigs(
	req *kmsg.IncrementalAlterConfigsRequest,
) *kmsg.IncrementalAlterConfigsResponse {
	resp := kmsg.NewPtrIncrementalAlterConfigsResponse()
	named := make(namedResources, len(req.Resources))
	for _, r := range req.Resources {
		named.add(r.ResourceType, r.ResourceName)
	}
	for _, r := range req.Resources {
		of, err := named.once(r.ResourceType, r.ResourceName)
		if err == nil {
			ops, keys := make([]brokerconfigs.ConfigOp, len(r.Configs)), make([]string, len(r.Configs))
			for i, c := range r.Configs {
				ops[i], keys[i] = brokerconfigs.ConfigOp{Name: c.Name, Op: int8(c.Op), Value: c.Value}, c.Name
			}
			err = x.services().Configs.Alter(x.ctx, of, ops, req.ValidateOnly)
			if err == nil && !req.ValidateOnly {
				x.logConfigs(of, keys)
			}
		}
		out := kmsg.NewIncrementalAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName = r.ResourceType, r.ResourceName
		out.ErrorCode, out.ErrorMessage = x.code(err), kafkaerrors.Describe(err)
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}

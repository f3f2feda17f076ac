package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// AlterConfigs: v0-2. It replaces a resource's configs as a whole; IncrementalAlterConfigs took its place.

func (x *exchange) alterConfigs(req *kmsg.AlterConfigsRequest) *kmsg.AlterConfigsResponse {
	resp := kmsg.NewPtrAlterConfigsResponse()
	times := make(map[broker.ConfigResource]int, len(req.Resources))
	for _, r := range req.Resources {
		times[broker.ConfigResource{Type: metadata.ResourceType(r.ResourceType), Name: r.ResourceName}]++
	}
	for _, r := range req.Resources {
		of := broker.ConfigResource{Type: metadata.ResourceType(r.ResourceType), Name: r.ResourceName}
		err := repeatedResource(times[of])
		if err == nil {
			configs := make(map[string]*string, len(r.Configs))
			for _, c := range r.Configs {
				if _, twice := configs[c.Name]; twice {
					err = fault.New(fault.InvalidRequest, "Error due to duplicate config keys")
				}
				configs[c.Name] = c.Value
			}
			if err == nil {
				err = x.services().Configs.Replace(x.ctx, of, configs, req.ValidateOnly)
			}
		}
		out := kmsg.NewAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName, out.ErrorCode, out.ErrorMessage = r.ResourceType, r.ResourceName, x.code(err), describe(err)
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}

// repeatedResource refuses a resource that a request names more than once.
func repeatedResource(times int) error {
	if times > 1 {
		return fault.New(fault.InvalidRequest, "Each resource must appear at most once.")
	}
	return nil
}

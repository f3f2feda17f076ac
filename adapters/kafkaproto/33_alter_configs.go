package kafkaproto

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// AlterConfigs: v0-2. It replaces all configs of a resource; IncrementalAlterConfigs is its successor.

func (x *exchange) alterConfigs(req *kmsg.AlterConfigsRequest) *kmsg.AlterConfigsResponse {
	resp := kmsg.NewPtrAlterConfigsResponse()
	named := make(namedResources, len(req.Resources))
	for _, r := range req.Resources {
		named.add(r.ResourceType, r.ResourceName)
	}
	for _, r := range req.Resources {
		of, err := named.once(r.ResourceType, r.ResourceName)
		configs := make(map[string]*string, len(r.Configs))
		for _, c := range r.Configs {
			if _, twice := configs[c.Name]; twice && err == nil {
				err = fault.New(fault.InvalidRequest, "Error due to duplicate config keys")
			}
			configs[c.Name] = c.Value
		}
		if err == nil {
			err = x.services().Configs.Replace(x.ctx, of, configs, req.ValidateOnly)
		}
		if err == nil && !req.ValidateOnly {
			x.logConfigs(of, slices.Sorted(maps.Keys(configs)))
		}
		out := kmsg.NewAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName = r.ResourceType, r.ResourceName
		out.ErrorCode, out.ErrorMessage = x.code(err), kafkaerrors.Describe(err)
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}

// logConfigs logs which configs of a resource a client has changed, without the values: some are secrets.
func (x *exchange) logConfigs(of brokerconfigs.ConfigResource, keys []string) {
	x.changes().InfoContext(x.ctx, "configs changed", "resource", of.Type.String(), "name", of.Name, "configs", keys)
}

// namedResources counts how often a request names each resource.
type namedResources map[brokerconfigs.ConfigResource]int

func (n namedResources) add(kind kmsg.ConfigResourceType, name string) {
	n[brokerconfigs.ConfigResource{Type: metadata.ResourceType(kind), Name: name}]++
}

// once returns the resource, and an error when the request names it more than once.
func (n namedResources) once(kind kmsg.ConfigResourceType, name string) (brokerconfigs.ConfigResource, error) {
	of := brokerconfigs.ConfigResource{Type: metadata.ResourceType(kind), Name: name}
	if n[of] > 1 {
		return of, fault.New(fault.InvalidRequest, "Each resource must appear at most once.")
	}
	return of, nil
}

package kafkaproto

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// ListConfigResources: v0-1 (KIP-1142).
//
// * v0: client metrics only; v1: the requested types, all of them when there are none

func (x *exchange) listConfigResources(req *kmsg.ListConfigResourcesRequest) *kmsg.ListConfigResourcesResponse {
	resp := kmsg.NewPtrListConfigResourcesResponse()
	types := req.ResourceTypes
	switch {
	case req.Version == 0:
		types = []int8{int8(metadata.ResourceClientMetrics)}
	case len(types) == 0:
		for _, t := range listedResources() {
			types = append(types, int8(t))
		}
	}
	slices.Sort(types)
	for _, t := range slices.Compact(types) {
		names, err := x.services().Configs.Resources(metadata.ResourceType(t))
		if err != nil {
			resp.ErrorCode, resp.ConfigResources = x.code(err), nil
			return resp
		}
		for _, name := range names {
			r := kmsg.NewListConfigResourcesResponseConfigResource()
			r.Name, r.Type = name, t
			resp.ConfigResources = append(resp.ConfigResources, r)
		}
	}
	return resp
}

// listedResources are the types that are listed when the request has none.
func listedResources() []metadata.ResourceType {
	return []metadata.ResourceType{
		metadata.ResourceTopic,
		metadata.ResourceBroker,
		brokerconfigs.ResourceBrokerLogger,
		metadata.ResourceClientMetrics,
		metadata.ResourceGroup,
	}
}

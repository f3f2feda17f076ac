package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// DescribeConfigs: v1-4.
//
// * v1: sources and synonyms (KIP-226); v3: types and documentation (KIP-569)

// configFootprint is the estimated size in bytes of a resource's configs, as kmsg's messages and encoded together.
const configFootprint = 32 << 10

func (x *exchange) describeConfigs(req *kmsg.DescribeConfigsRequest) *kmsg.DescribeConfigsResponse {
	resp := kmsg.NewPtrDescribeConfigsResponse()
	asked := make(map[brokerconfigs.ConfigResource]bool, len(req.Resources))
	for _, r := range req.Resources {
		of := brokerconfigs.ConfigResource{Type: metadata.ResourceType(r.ResourceType), Name: r.ResourceName}
		var refused error
		if asked[of] {
			refused = x.reservePart(fault.InvalidRequest, configFootprint)
		} else {
			refused = x.reserve(configFootprint)
		}
		asked[of] = true
		out := kmsg.NewDescribeConfigsResponseResource()
		out.ResourceType, out.ResourceName = r.ResourceType, r.ResourceName
		entries, err := []brokerconfigs.ConfigEntry(nil), refused
		if err == nil {
			entries, err = x.services().Configs.Describe(
				x.ctx, of, r.ConfigNames, req.IncludeSynonyms, req.IncludeDocumentation)
		}
		message := orEmpty(kafkaerrors.Message(err)) // never null, as Kafka has it
		out.ErrorCode, out.ErrorMessage = x.code(err), &message
		for i := range entries {
			out.Configs = append(out.Configs, configOf(&entries[i], req))
		}
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}

func configOf(
	e *brokerconfigs.ConfigEntry, req *kmsg.DescribeConfigsRequest,
) kmsg.DescribeConfigsResponseResourceConfig {
	c := kmsg.NewDescribeConfigsResponseResourceConfig()
	c.Name = e.Name
	c.Value = e.Value
	c.ReadOnly = e.ReadOnly
	c.IsDefault = e.Default
	c.IsSensitive = e.Sensitive
	c.Source, c.ConfigType = kmsg.ConfigSource(e.Source), kmsg.ConfigType(e.Type)
	if req.IncludeDocumentation {
		c.Documentation = nilIfEmpty(e.Documentation)
	}
	for _, s := range e.Synonyms {
		synonym := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
		synonym.Name, synonym.Value, synonym.Source = s.Name, s.Value, kmsg.ConfigSource(s.Source)
		c.ConfigSynonyms = append(c.ConfigSynonyms, synonym)
	}
	return c
}

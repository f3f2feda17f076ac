package kafkaproto

import (
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// ApiVersions: v0-4. An unknown version is answered in version 0 with UNSUPPORTED_VERSION and the versions of
// ApiVersions itself, since the client cannot know them yet.
//
// * v3: flexible, except for the answer's header; the client's name and version (KIP-511), tagged features (KIP-584)
// * v4: features may have a lowest level of 0
//
// None of Kafka's features is announced: transaction.version, group.version, share.version and streams.version switch
// on what is not served yet, and clients take their absence for "off".

// apiVersions are the answers, which are the same for every client.
type apiVersions struct {
	keys     []kmsg.ApiVersionsResponseApiKey
	features []kmsg.ApiVersionsResponseSupportedFeature
	software *regexp.Regexp
}

func advertised(apis []*api, clustered bool) apiVersions {
	v := apiVersions{software: regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)}
	for _, a := range apis {
		if a == nil || a.internal || a.clustered && !clustered {
			continue
		}
		key := kmsg.NewApiVersionsResponseApiKey()
		key.ApiKey, key.MinVersion, key.MaxVersion = a.key, a.min, a.max
		v.keys = append(v.keys, key)
	}
	for name, levels := range metadata.SupportedFeatures() {
		f := kmsg.NewApiVersionsResponseSupportedFeature()
		f.Name, f.MinVersion, f.MaxVersion = name, levels.Min, levels.Max
		v.features = append(v.features, f)
	}
	return v
}

func (x *exchange) apiVersions(req *kmsg.ApiVersionsRequest) *kmsg.ApiVersionsResponse {
	resp := kmsg.NewPtrApiVersionsResponse()
	known := &x.conn.server.versions
	if req.Version >= 3 {
		if !known.software.MatchString(req.ClientSoftwareName) || !known.software.MatchString(req.ClientSoftwareVersion) {
			resp.ErrorCode = x.code(fault.InvalidRequest)
			return resp
		}
		software := req.ClientSoftwareName + " " + req.ClientSoftwareVersion
		x.conn.software = strings.Clone(software[:min(len(software), maxKeptID)])
	}
	resp.ApiKeys = known.keys
	resp.SupportedFeatures = known.features
	img := x.services().Metadata.Image()
	if epoch := img.FeaturesEpoch(); epoch > 0 {
		resp.FinalizedFeaturesEpoch = epoch
	}
	for name, level := range img.Features() {
		f := kmsg.NewApiVersionsResponseFinalizedFeature()
		f.Name, f.MinVersionLevel, f.MaxVersionLevel = name, level, level
		resp.FinalizedFeatures = append(resp.FinalizedFeatures, f)
	}
	return resp
}

// answerUnknownApiVersions answers an unknown version of ApiVersions.
func (x *exchange) answerUnknownApiVersions() error {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.ErrorCode = x.code(fault.UnsupportedVersion)
	key := kmsg.NewApiVersionsResponseApiKey()
	key.ApiKey, key.MinVersion, key.MaxVersion = x.api.key, x.api.min, x.api.max
	resp.ApiKeys = append(resp.ApiKeys, key)
	x.frame.release()
	x.encode(resp, 0)
	x.conn.ready(x)
	return nil
}

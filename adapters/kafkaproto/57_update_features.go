package kafkaproto

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// UpdateFeatures: v0-2 (KIP-584). The updates are atomic.
//
// * v1: the type of the update instead of a flag that allows to lower levels, and validate-only requests (KIP-778)
// * v2: no results by feature

// The types of updates.
const (
	featureUpgrade         = 1
	featureSafeDowngrade   = 2
	featureUnsafeDowngrade = 3
)

func (x *exchange) updateFeatures(req *kmsg.UpdateFeaturesRequest) *kmsg.UpdateFeaturesResponse {
	resp := kmsg.NewPtrUpdateFeaturesResponse()
	updates, err := featureUpdates(req)
	if err == nil {
		ctx, stop := x.waiting(true)
		defer stop()
		err = x.services().Features.Update(ctx, updates, req.ValidateOnly)
	}
	if err != nil {
		resp.ErrorCode = x.code(err)
		message := fmt.Sprintf("The update failed for all features since the following feature had an error: %s",
			*kafkaerrors.Describe(err))
		resp.ErrorMessage = &message
		return resp
	}
	for _, u := range updates {
		result := kmsg.NewUpdateFeaturesResponseResult()
		result.Feature = u.Name
		resp.Results = append(resp.Results, result)
	}
	return resp
}

// featureUpdates returns the requested updates. Of several for one feature the last one counts.
func featureUpdates(req *kmsg.UpdateFeaturesRequest) (updates []metadata.UpdateFeature, err error) {
	for _, u := range req.FeatureUpdates {
		update := metadata.UpdateFeature{Name: u.Feature, Level: u.MaxVersionLevel, Downgrade: u.AllowDowngrade}
		if req.Version >= 1 {
			switch u.UpgradeType {
			case featureUpgrade:
			case featureSafeDowngrade, featureUnsafeDowngrade:
				update.Downgrade = true
			default:
				return nil, fault.New(fault.InvalidUpdateVersion, "Invalid update version %d for feature %s. "+
					"The controller does not support the given upgrade type.", u.MaxVersionLevel, u.Feature)
			}
		}
		updates = append(updates, update)
	}
	return updates, nil
}

package kafkaadmin

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Upgraded is the result of an upgrade of the version in which a cluster writes.
type Upgraded struct {
	From int16 `json:"from"`
	To   int16 `json:"to"`
	Dry  bool  `json:"dry_run"`
}

// Upgrade makes the cluster write in the newest version that all its nodes can read. A dry run only returns that
// version.
func (a *Admin) Upgrade(ctx context.Context, dry bool) (*Upgraded, error) {
	v, err := a.readView(ctx)
	if err != nil {
		return nil, err
	}
	u := &Upgraded{Dry: dry}
	for n, b := range v.brokers {
		f, err := a.featuresOf(ctx, a.brokers[b.NodeID])
		if err != nil {
			return nil, fmt.Errorf("ask node %d which versions it supports: %w", b.NodeID, err)
		}
		u.From = max(u.From, f.now)
		if n == 0 || f.newest < u.To {
			u.To = f.newest
		}
	}
	if u.From >= u.To {
		u.To = u.From
		return u, nil
	}
	req := kmsg.NewPtrUpdateFeaturesRequest()
	req.TimeoutMillis, req.ValidateOnly = int32(askTimeout.Milliseconds()), dry
	update := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	update.Feature, update.MaxVersionLevel, update.UpgradeType = metadata.VersionFeature, u.To, 1
	req.FeatureUpdates = append(req.FeatureUpdates, update)
	err = a.insist(ctx, func() error {
		resp, err := req.RequestWith(ctx, a)
		if err == nil {
			err = failure(resp.ErrorCode, resp.ErrorMessage)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("upgrade to version %d: %w", u.To, err)
	}
	return u, nil
}

// features is the version in which a node's cluster writes, and the newest that the node supports.
type features struct{ now, newest int16 }

func (a *Admin) featuresOf(ctx context.Context, address string) (f features, err error) {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "chronik-server", "cluster"
	answer, err := req.RequestWith(ctx, a.at(address))
	if err != nil {
		return f, err
	}
	if err := failure(answer.ErrorCode, nil); err != nil {
		return f, err
	}
	for _, s := range answer.SupportedFeatures {
		if s.Name == metadata.VersionFeature {
			f.newest = s.MaxVersion
		}
	}
	for _, s := range answer.FinalizedFeatures {
		if s.Name == metadata.VersionFeature {
			f.now = s.MaxVersionLevel
		}
	}
	return f, nil
}

package controller

import (
	"context"
	"fmt"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// RegisterAlone registers a standalone broker, in service at once, and returns the epoch of the registration. If the
// metadata has no cluster id yet, it sets clusterID, and it creates the internal topic __meta if that is missing.
func RegisterAlone(
	ctx context.Context, store ports.MetadataStore, member MembershipSettings, clusterID string,
	newTopicID func() metadata.TopicID,
) (epoch int64, err error) {
	cmds := []metadata.Command{metadata.RegisterBroker{
		ID: member.NodeID, Incarnation: member.Incarnation, Rack: member.Rack, Features: metadata.SupportedFeatures(),
	}}
	if store.Image().ClusterID() == "" {
		cmds = append(cmds, metadata.InitCluster{ClusterID: clusterID, Features: metadata.NewestFeatures()})
	}
	if _, exists := store.Image().Topic(metadata.MetaTopic); !exists {
		cmds = append(cmds, metadata.MetaTopicCommand(newTopicID(), 1))
	}
	epoch = -1
	for _, cmd := range cmds {
		res, err := store.Apply(ctx, cmd)
		if err != nil {
			return -1, fmt.Errorf("register broker %d: %w", member.NodeID, err)
		}
		epoch = max(epoch, res.BrokerEpoch)
	}
	return epoch, nil
}

package controller

import (
	"context"
	"fmt"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// CheckDirectory returns an error if the standalone broker nodeID cannot start with these metadata and logs. It refuses
// metadata of another broker. It also refuses logs without metadata, which would be removed as those of deleted topics.
func CheckDirectory(img *metadata.Image, logs ports.LogStore, nodeID int32) error {
	if img.ClusterID() == "" {
		stored, err := logs.Stored()
		if err != nil {
			return fmt.Errorf("look for records: %w", err)
		}
		if len(stored) > 0 {
			return fmt.Errorf(
				"the data directory holds the records of %d partitions, %s-%d among them, but no metadata: "+
					"bring that back, or use another directory",
				len(stored), stored[0].Topic, stored[0].Partition,
			)
		}
	}
	for b := range img.Brokers() {
		if b.ID != nodeID {
			return fmt.Errorf(
				"the data directory is that of broker %d, and this one is to be broker %d: set kafka.\"node.id\" = %d, or "+
					"use another directory",
				b.ID, nodeID, b.ID,
			)
		}
	}
	return nil
}

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

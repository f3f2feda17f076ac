package controller

import (
	"context"
	"fmt"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// CheckDirectory returns why broker nodeID, which is alone, cannot begin with these metadata and logs, nil if it can.
// It refuses metadata of another broker, and logs without metadata: they would be taken for those of deleted topics,
// and removed.
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

// RegisterAlone makes a broker that is alone one that its metadata knows, in service at once. It begins a cluster under
// the id where there is none, and makes the internal topic __meta where that is missing. It returns the epoch of the
// registration.
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

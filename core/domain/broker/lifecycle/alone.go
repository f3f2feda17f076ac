package lifecycle

import (
	"context"
	"fmt"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Alone is a broker without a cluster.
type Alone struct {
	NodeID      int32
	Incarnation [16]byte // random for each start
	Rack        string
}

// Register registers the broker, in service at once, and returns the epoch of the registration. If the metadata has no
// cluster id yet, it sets clusterID, and it creates the internal topic __meta if that is missing.
func (a Alone) Register(
	ctx context.Context, store ports.MetadataStore, clusterID string, newTopicID func() metadata.TopicID,
) (epoch int64, err error) {
	cmds := []metadata.Command{metadata.RegisterBroker{
		ID: a.NodeID, Incarnation: a.Incarnation, Rack: a.Rack, Features: metadata.SupportedFeatures(),
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
			return -1, fmt.Errorf("register broker %d: %w", a.NodeID, err)
		}
		epoch = max(epoch, res.BrokerEpoch)
	}
	return epoch, nil
}

// Ready returns nil: a broker without a cluster waits for no other.
func (Alone) Ready() error { return nil }

// InSession is always true: the broker leads its own metadata.
func (Alone) InSession() bool { return true }

package wiring

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"

	"github.com/chronik-stream/chronik/adapters/filestore"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// registered is a metadata store that knows this broker: there is a cluster id, the broker is registered, and __meta
// exists.
type registered[S ports.MetadataStore] struct {
	Store S
	Epoch brokerEpoch
}

// brokerEpoch is the epoch of this process's registration.
type brokerEpoch int64

// registerNeeds is what registering a broker that is alone needs.
type registerNeeds struct {
	Config *configs.Config
	Node   nodeID
	Logs   ports.LogStore
	Log    *slog.Logger
	Steps  *Progress
}

// registerInWAL registers this broker in the write-ahead store.
func registerInWAL(
	ctx context.Context, opened unregistered[*walstore.Store], n registerNeeds,
) (registered[*walstore.Store], error) {
	epoch, err := n.register(ctx, opened.store)
	return registered[*walstore.Store]{opened.store, epoch}, err
}

// registerInFile registers this broker in the store that is one JSON file.
func registerInFile(
	ctx context.Context, opened unregistered[*filestore.Store], n registerNeeds,
) (registered[*filestore.Store], error) {
	epoch, err := n.register(ctx, opened.store)
	return registered[*filestore.Store]{opened.store, epoch}, err
}

// register makes the broker one that its own metadata knows. It refuses to begin a cluster where records are already:
// without their metadata they would be taken for those of deleted topics, and removed.
func (n *registerNeeds) register(ctx context.Context, store ports.MetadataStore) (brokerEpoch, error) {
	n.Steps.begin("register the broker")
	if store.Image().ClusterID() == "" {
		stored, err := n.Logs.Stored()
		if err != nil {
			return -1, fmt.Errorf("look for records: %w", err)
		}
		if len(stored) > 0 {
			return -1, fmt.Errorf(
				"the data directory holds the records of %d partitions, %s-%d among them, but no metadata: "+
					"bring that back, or use another directory",
				len(stored), stored[0].Topic, stored[0].Partition,
			)
		}
	}
	for b := range store.Image().Brokers() {
		if b.ID != int32(n.Node) {
			return -1, fmt.Errorf(
				"the data directory is that of broker %d, and this one is to be broker %d: set kafka.\"node.id\" = %d, or "+
					"use another directory",
				b.ID, n.Node, b.ID,
			)
		}
	}
	if err := replicas.SetStraysAside(ctx, store.Image(), n.Logs, n.Log); err != nil {
		return -1, err
	}
	cmds := []metadata.Command{
		metadata.RegisterBroker{
			ID: int32(n.Node), Incarnation: newUUID(), Rack: n.Config.Kafka["broker.rack"], Features: metadata.SupportedFeatures(),
		},
	}
	if store.Image().ClusterID() == "" {
		cmds = append(cmds, metadata.InitCluster{ClusterID: newClusterID(), Features: metadata.NewestFeatures()})
	}
	if _, exists := store.Image().Topic(metadata.MetaTopic); !exists {
		cmds = append(cmds, metadata.MetaTopicCommand(newTopicID(), 1))
	}
	epoch := brokerEpoch(-1)
	for _, cmd := range cmds {
		res, err := store.Apply(ctx, cmd)
		if err != nil {
			return -1, fmt.Errorf("register broker %d: %w", n.Node, err)
		}
		epoch = max(epoch, brokerEpoch(res.BrokerEpoch))
	}
	return epoch, nil
}

func newTopicID() metadata.TopicID { return newUUID() }

// newTopicIDs returns what makes up the ids of topics.
func newTopicIDs() func() metadata.TopicID { return newTopicID }

// newClusterID returns a random cluster id as Kafka writes it.
func newClusterID() string {
	id := newUUID()
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// newUUID returns a random UUID of version 4. Like Kafka's it does not begin with a dash in base64, so that command
// line tools do not take it for an option.
func newUUID() [16]byte {
	for {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails
		id[6] = id[6]&0x0f | 0x40
		id[8] = id[8]&0x3f | 0x80
		if base64.RawURLEncoding.EncodeToString(id[:])[0] != '-' {
			return id
		}
	}
}

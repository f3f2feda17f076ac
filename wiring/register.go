package wiring

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"

	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/uuid"
)

// registered is metadata that knows this broker: there is a cluster id, the broker is registered, and __meta exists.
type registered struct {
	ports.MetadataStore
	epoch int64 // of this process's registration
}

// register makes store such metadata. It refuses to begin a cluster where records are already: without their metadata
// they would be taken for those of deleted topics, and removed.
func register(
	ctx context.Context, cfg *configs.Config, m membership, store ports.MetadataStore, logs ports.LogStore,
	log *slog.Logger, steps *Progress,
) (registered, error) {
	steps.begin("register the broker")
	if store.Image().ClusterID() == "" {
		stored, err := logs.Stored()
		if err != nil {
			return registered{}, fmt.Errorf("look for records: %w", err)
		}
		if len(stored) > 0 {
			return registered{}, fmt.Errorf(
				"the data directory holds the records of %d partitions, %s-%d among them, but no metadata: "+
					"bring that back, or use another directory",
				len(stored), stored[0].Topic, stored[0].Partition,
			)
		}
	}
	for b := range store.Image().Brokers() {
		if b.ID != m.nodeID {
			return registered{}, fmt.Errorf(
				"the data directory is that of broker %d, and this one is to be broker %d: set kafka.\"node.id\" = %d, or "+
					"use another directory",
				b.ID, m.nodeID, b.ID,
			)
		}
	}
	if err := replicas.SetStraysAside(ctx, store.Image(), logs, log); err != nil {
		return registered{}, err
	}
	cmds := []metadata.Command{
		metadata.RegisterBroker{
			ID: m.nodeID, Incarnation: newUUID(), Rack: cfg.Kafka["broker.rack"], Features: metadata.SupportedFeatures(),
		},
	}
	if store.Image().ClusterID() == "" {
		cmds = append(cmds, metadata.InitCluster{ClusterID: newClusterID(), Features: metadata.NewestFeatures()})
	}
	if _, exists := store.Image().Topic(metadata.MetaTopic); !exists {
		cmds = append(cmds, metadata.MetaTopicCommand(newTopicID(), 1))
	}
	known := registered{MetadataStore: store, epoch: -1}
	for _, cmd := range cmds {
		res, err := store.Apply(ctx, cmd)
		if err != nil {
			return registered{}, fmt.Errorf("register broker %d: %w", m.nodeID, err)
		}
		known.epoch = max(known.epoch, res.BrokerEpoch)
	}
	return known, nil
}

func newTopicID() metadata.TopicID { return newUUID() }

// newClusterID returns a random cluster id as Kafka writes it.
func newClusterID() string {
	id := newUUID()
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// newUUID returns a random UUID of version 4. Like Kafka's it does not begin with a dash in base64, so that command
// line tools do not take it for an option.
func newUUID() [16]byte {
	for {
		id, _ := uuid.New(rand.Reader) // never fails
		if base64.RawURLEncoding.EncodeToString(id[:])[0] != '-' {
			return id
		}
	}
}

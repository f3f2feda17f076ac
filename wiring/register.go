package wiring

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"

	"github.com/chronik-stream/chronik/adapters/filestore"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/lifecycle"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/uuid"
)

// registered is a metadata store in which this broker is registered. It has a cluster id and the topic __meta.
type registered[S ports.MetadataStore] struct {
	Store S
	Epoch brokerEpoch
}

// brokerEpoch is the epoch of this process's registration.
type brokerEpoch int64

// registerNeeds is what the registration of a standalone broker needs.
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

// register registers the broker in its own metadata.
func (n *registerNeeds) register(ctx context.Context, store ports.MetadataStore) (brokerEpoch, error) {
	n.Steps.begin("register the broker")
	if err := lifecycle.CheckDirectory(store.Image(), n.Logs, int32(n.Node)); err != nil {
		return -1, err
	}
	if err := replicas.SetStraysAside(ctx, store.Image(), n.Logs, n.Log); err != nil {
		return -1, err
	}
	broker := lifecycle.Alone{NodeID: int32(n.Node), Incarnation: newUUID(), Rack: n.Config.Kafka["broker.rack"]}
	epoch, err := broker.Register(ctx, store, newClusterID(), newTopicID)
	return brokerEpoch(epoch), err
}

func newTopicID() metadata.TopicID { return newUUID() }

// newTopicIDs returns the generator of topic ids.
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
		id, _ := uuid.New(rand.Reader) // never fails
		if base64.RawURLEncoding.EncodeToString(id[:])[0] != '-' {
			return id
		}
	}
}

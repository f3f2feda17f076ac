package controller

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/pause"
)

// MetaTopic is the service that creates the internal topic __meta if it is missing.
type MetaTopic struct {
	store    ports.MetadataStore
	serving  <-chan struct{}
	replicas int16
	newID    func() metadata.TopicID
	log      *slog.Logger
}

// NewMetaTopic returns the service. It waits until serving is closed, when this broker is in service. replicas is the
// topic's replication factor.
func NewMetaTopic(
	store ports.MetadataStore, serving <-chan struct{}, replicas int16, newID func() metadata.TopicID, log *slog.Logger,
) *MetaTopic {
	return &MetaTopic{store: store, serving: serving, replicas: replicas, newID: newID, log: log}
}

// metaTopicRetry is the time between two attempts to create the topic.
const metaTopicRetry = 200 * time.Millisecond

// Run creates the topic as soon as enough brokers are in service, and returns when ctx ends.
func (m *MetaTopic) Run(ctx context.Context) error {
	select {
	case <-m.serving:
	case <-ctx.Done():
		return nil
	}
	for ctx.Err() == nil {
		if _, exists := m.store.Image().Topic(metadata.MetaTopic); exists {
			break
		}
		_, err := m.store.Apply(ctx, metadata.MetaTopicCommand(m.newID(), m.replicas))
		// InvalidReplicationFactor while other brokers are still missing.
		expected := errors.Is(err, fault.TopicExists) || errors.Is(err, fault.InvalidReplicationFactor)
		if err != nil && !expected && ctx.Err() == nil {
			m.log.WarnContext(ctx, "internal topic not created yet", "topic", metadata.MetaTopic, "err", err)
		}
		pause.For(ctx, metaTopicRetry)
	}
	<-ctx.Done()
	return nil
}

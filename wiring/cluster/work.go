//go:build raft

package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/adapters/nodetls"
	"github.com/chronik-stream/chronik/adapters/replication"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Work is what a node does for its cluster.
type Work struct {
	Replication *replicas.Replication
	Controller  *controller.QuorumProgress
	Membership  *controller.Membership

	nodeID int32
	// replicas is how many the internal topic gets: as many as any, so that no node alone has what the cluster needs.
	replicas int16
	clock    ports.Clock
	store    ports.MetadataStore
	peers    *replication.Peers
}

// NewWork returns the work of a node. Close it after its services have ended.
func NewWork(
	cfg *configs.Config, certs *nodetls.Certificates, store ports.MetadataStore, member controller.MembershipSettings,
	p *replicas.Partitions, c *brokerconfigs.Configs, clock ports.Clock, log *slog.Logger,
) *Work {
	peers := replication.New(
		replication.Settings{NodeID: member.NodeID, Address: addresses(cfg, store), TLS: certs.Client, Logger: log},
	)
	progress := controller.NewQuorumProgress(
		controller.NewController(store, c, controller.ControllerSettings{Gone: peers.Gone}, clock, log),
	)
	return &Work{
		Replication: replicas.NewReplication(p, store, peers, c, log),
		Controller:  progress,
		Membership:  controller.NewMembership(store, progress, peers, member, clock, log),
		nodeID:      member.NodeID, replicas: int16(min(int(cfg.Cluster.ReplicationFactor), len(cfg.Cluster.Peers))),
		clock: clock, store: store, peers: peers,
	}
}

// Ready returns why the node should not be counted on, nil for no reason: it is in service, and in sync with
// the leaders that it follows.
func (w *Work) Ready() error {
	select {
	case <-w.Membership.Serving():
	default:
		return errors.New("the broker is not in service in its cluster yet")
	}
	img := w.store.Image()
	b, registered := img.Broker(w.nodeID)
	switch {
	case w.Membership.SessionUntil().Before(w.clock()):
		return errors.New(
			"the broker's heartbeats are not answered: it is cut off from the cluster, or there is no leader of the metadata",
		)
	case !registered || b.Fenced:
		return errors.New("the broker is fenced")
	case b.ShuttingDown:
		return errors.New("the broker hands over what it leads")
	}
	if behind := img.Behind(w.nodeID); behind > 0 {
		return fmt.Errorf("%d replicas have not caught up with their leaders", behind)
	}
	return nil
}

// Close ends the connections to the other brokers.
func (w *Work) Close() { w.peers.Close() }

// between is the time between two tries to make a topic.
const between = 200 * time.Millisecond

// EnsureMetaTopic makes the internal topic __meta when it is missing, once this broker and
// enough others are in service.
func (w *Work) EnsureMetaTopic(ctx context.Context, newID func() metadata.TopicID, log *slog.Logger) error {
	select {
	case <-w.Membership.Serving():
	case <-ctx.Done():
		return nil
	}
	for tick := time.NewTicker(between); ; {
		if _, exists := w.store.Image().Topic(metadata.MetaTopic); exists {
			tick.Stop()
			break
		}
		_, err := w.store.Apply(ctx, metadata.MetaTopicCommand(newID(), w.replicas))
		// the latter while others are still to come
		expected := errors.Is(err, fault.TopicExists) || errors.Is(err, fault.InvalidReplicationFactor)
		if err != nil && !expected && ctx.Err() == nil {
			log.WarnContext(ctx, "internal topic not made yet", "topic", metadata.MetaTopic, "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

func sortedKeys[V any](m map[int32]V) []int32 { return slices.Sorted(maps.Keys(m)) }

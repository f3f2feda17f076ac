package wiring

import (
	"crypto/rand"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker"
	"github.com/chronik-stream/chronik/core/ports"
)

func newClock() broker.Clock { return time.Now }

func newBrokerConfigs(
	cfg *configs.Config, dir dataDir, m membership, store registered, levels *slog.LevelVar, log *slog.Logger,
) (*broker.Configs, error) {
	return broker.NewConfigs(store, m.nodeID, staticConfigs(cfg, dir), flushPolicies[cfg.Flush], levels, log)
}

// staticConfigs are the broker's configs by Kafka's keys, those of Chronik's own settings among them
// for which Kafka has a name.
func staticConfigs(cfg *configs.Config, dir dataDir) map[string]string {
	static := maps.Clone(cfg.Kafka)
	static["log.dirs"] = dir.path
	static["listeners"] = kafkaListeners(cfg.Listen)
	if cfg.Clustered() {
		setDefault := func(key string, value int64) {
			if _, set := static[key]; !set {
				static[key] = strconv.FormatInt(value, 10)
			}
		}
		static["node.id"] = strconv.FormatInt(cfg.Cluster.NodeID, 10)
		replicas, inSync := cfg.Cluster.ReplicationFactor, cfg.Cluster.MinInsyncReplicas
		setDefault("default.replication.factor", replicas)
		setDefault("min.insync.replicas", inSync)
		setDefault("offsets.topic.replication.factor", replicas)
		setDefault("transaction.state.log.replication.factor", replicas)
		setDefault("transaction.state.log.min.isr", inSync)
		setDefault("share.coordinator.state.topic.replication.factor", replicas)
		setDefault("share.coordinator.state.topic.min.isr", inSync)
	}
	if len(cfg.Advertised) > 0 {
		static["advertised.listeners"] = kafkaListeners(cfg.Advertised)
	}
	return static
}

// kafkaListeners returns listeners as Kafka writes them.
func kafkaListeners(listeners []configs.Listener) string {
	texts := make([]string, len(listeners))
	for i, l := range listeners {
		texts[i] = l.Name + "://" + l.Address
	}
	return strings.Join(texts, ",")
}

func newTopics(store registered, c *broker.Configs) *broker.Topics {
	return broker.NewTopics(store, c, newTopicID)
}

// newPartitions returns the partitions on this broker; the cleanup closes them before their logs.
func newPartitions(
	store registered, logs ports.LogStore, c *broker.Configs, m membership, lease *broker.Lease, s *broker.Space,
	clock broker.Clock, log *slog.Logger,
) (*broker.Partitions, func()) {
	p := broker.NewPartitions(store, logs, c, m.nodeID, store.epoch, lease, clock, log)
	p.Within(s)
	return p, p.Close
}

func newCluster(store registered, logs ports.LogStore, p *broker.Partitions, m membership) *broker.Cluster {
	return broker.NewCluster(store, m.nodeID, logs, p)
}

func newAssignments(store registered) *broker.Assignments { return broker.NewAssignments(store) }

// newSoleWork is the work of a broker that is alone.
func newSoleWork(store registered, m membership, clock broker.Clock) clusterWork {
	return clusterWork{quorum: broker.NewSoleQuorum(store, m.nodeID, clock)}
}

func newFetch(cfg *configs.Config, p *broker.Partitions, c *broker.Configs, clock broker.Clock) *broker.Fetch {
	return broker.NewFetch(p, c, sharesOf(cfg.Memory).sessions, clock)
}

func newGroups(
	cfg *configs.Config, store registered, p *broker.Partitions, t *broker.Topics, c *broker.Configs, m membership,
	clock broker.Clock, log *slog.Logger,
) *broker.Groups {
	return broker.NewGroups(p, t, c, store, m.nodeID, sharesOf(cfg.Memory).groups, clock, rand.Reader, log)
}

package wiring

import (
	"crypto/rand"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/broker/groups"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/broker/topics"
	"github.com/chronik-stream/chronik/core/ports"
)

func newClock() ports.Clock { return time.Now }

func newBrokerConfigs(
	cfg *configs.Config, dir dataDir, m membership, store registered, levels *slog.LevelVar, log *slog.Logger,
) (*brokerconfigs.Configs, error) {
	return brokerconfigs.NewConfigs(store, m.nodeID, staticConfigs(cfg, dir), flushPolicies[cfg.Flush], levels, log)
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

func newTopics(store registered, c *brokerconfigs.Configs) *topics.Topics {
	return topics.NewTopics(store, c, newTopicID)
}

// newPartitions returns the partitions on this broker; the cleanup closes them before their logs.
func newPartitions(
	store registered, logs ports.LogStore, c *brokerconfigs.Configs, m membership, lease *replicas.Lease, s *replicas.Space,
	clock ports.Clock, log *slog.Logger,
) (*replicas.Partitions, func()) {
	p := replicas.NewPartitions(store, logs, c, m.nodeID, store.epoch, lease, clock, log)
	p.Within(s)
	return p, p.Close
}

func newCluster(store registered, logs ports.LogStore, p *replicas.Partitions, m membership) *topics.Cluster {
	return topics.NewCluster(store, m.nodeID, logs, p)
}

func newAssignments(store registered) *controller.Assignments {
	return controller.NewAssignments(store)
}

// newSoleWork is the work of a broker that is alone.
func newSoleWork(store registered, m membership, clock ports.Clock) clusterWork {
	return clusterWork{quorum: controller.NewSoleQuorum(store, m.nodeID, clock)}
}

func newFetch(cfg *configs.Config, p *replicas.Partitions, c *brokerconfigs.Configs, clock ports.Clock) *replicas.Fetch {
	return replicas.NewFetch(p, c, sharesOf(cfg.Memory).sessions, clock)
}

func newGroups(
	cfg *configs.Config, store registered, p *replicas.Partitions, t *topics.Topics, c *brokerconfigs.Configs, m membership,
	clock ports.Clock, log *slog.Logger,
) *groups.Coordinator {
	return groups.New(groups.Dependencies{
		Log: p, Topics: t, Metadata: store, Configs: c, NodeID: m.nodeID,
		Memory: coordinator.NewMemory(sharesOf(cfg.Memory).groups), Clock: clock, Random: rand.Reader, Logger: log,
	})
}

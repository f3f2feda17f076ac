package wiring

import (
	"crypto/rand"
	"log/slog"
	"maps"
	"strconv"
	"strings"

	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/broker/groups"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/broker/topics"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// configNeeds is what newBrokerConfigs needs.
type configNeeds struct {
	Config *configs.Config
	Dir    dataDir
	Node   nodeID
	Store  ports.MetadataStore
	Log    Logging
}

func newBrokerConfigs(n configNeeds) (*brokerconfigs.Configs, error) {
	static, flush := staticConfigs(n.Config, n.Dir), flushPolicies[n.Config.Flush]
	return brokerconfigs.NewConfigs(n.Store, int32(n.Node), static, flush, n.Log.Levels, n.Log.Logger)
}

// staticConfigs returns the broker's configs by Kafka's keys. They include Chronik's own settings that have a name in
// Kafka.
func staticConfigs(cfg *configs.Config, dir dataDir) brokerconfigs.Static {
	static := brokerconfigs.Static{Given: maps.Clone(cfg.Kafka)}
	static.Given["log.dirs"] = dir.path
	static.Given["listeners"] = kafkaListeners(cfg.Listen)
	if len(cfg.Advertised) > 0 {
		static.Given["advertised.listeners"] = kafkaListeners(cfg.Advertised)
	}
	if cfg.Clustered() {
		static.Given["node.id"] = strconv.FormatInt(cfg.Cluster.NodeID, 10)
		static.Derived = brokerconfigs.OfCluster(cfg.Cluster.ReplicationFactor, cfg.Cluster.MinInsyncReplicas)
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

// partitionNeeds is what newPartitions needs.
type partitionNeeds struct {
	Config  *configs.Config
	Store   ports.MetadataStore
	Logs    ports.LogStore
	Configs *brokerconfigs.Configs
	Node    nodeID
	Epoch   brokerEpoch
	Lease   *replicas.Lease
	Space   *replicas.Space
	Clock   ports.Clock
	Log     *slog.Logger
}

// newPartitions returns the partitions of this broker. The cleanup closes them before their logs.
func newPartitions(n partitionNeeds) (*replicas.Partitions, func()) {
	producers := partition.NewProducerMemory(sharesOf(n.Config.Memory).producers)
	p := replicas.NewPartitions(
		n.Store, n.Logs, n.Configs, int32(n.Node), int64(n.Epoch), n.Lease, producers, n.Clock, n.Log,
	)
	p.Within(n.Space)
	return p, p.Close
}

// shownMetadata is what the Kafka server may do with the store. Wire binds an interface to concrete types only.
func shownMetadata(store ports.MetadataStore) kafkaproto.Metadata { return store }

// newSoleQuorum returns the quorum of a standalone broker.
func newSoleQuorum(store ports.MetadataStore, node nodeID, clock ports.Clock) *controller.SoleQuorum {
	return controller.NewSoleQuorum(store, int32(node), clock)
}

func newFetch(
	cfg *configs.Config, p *replicas.Partitions, c *brokerconfigs.Configs, clock ports.Clock,
) *replicas.Fetch {
	return replicas.NewFetch(p, c, sharesOf(cfg.Memory).sessions, clock)
}

// groupNeeds is what newGroups needs.
type groupNeeds struct {
	Config     *configs.Config
	Store      ports.MetadataStore
	Partitions *replicas.Partitions
	Topics     *topics.Topics
	Configs    *brokerconfigs.Configs
	Node       nodeID
	Clock      ports.Clock
	Log        *slog.Logger
}

func newGroups(n groupNeeds) *groups.Coordinator {
	return groups.New(groups.Dependencies{
		Log: n.Partitions, Topics: n.Topics, Metadata: n.Store, Configs: n.Configs, NodeID: int32(n.Node),
		Memory: coordinator.NewMemory(sharesOf(n.Config.Memory).groups), Clock: n.Clock, Random: rand.Reader,
		Logger: n.Log,
	})
}

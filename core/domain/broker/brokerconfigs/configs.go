package brokerconfigs

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"sync/atomic"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// ResourceBrokerLogger is the resource type of a broker's loggers (KIP-412), numbered as in Kafka's protocol. The
// metadata does not store their levels.
const ResourceBrokerLogger metadata.ResourceType = 8

// The sources of a config's value, numbered as in Kafka's DescribeConfigs.
const (
	SourceTopic         int8 = 1
	SourceBroker        int8 = 2 // dynamic, for one broker
	SourceDefaultBroker int8 = 3 // dynamic, for all brokers
	SourceStatic        int8 = 4 // given at the start
	SourceDefault       int8 = 5
	SourceBrokerLogger  int8 = 6
	SourceClientMetrics int8 = 7
	SourceGroup         int8 = 8
)

// The operations of a ConfigOp, numbered as in Kafka's IncrementalAlterConfigs.
const (
	OpSet      int8 = 0
	OpDelete   int8 = 1
	OpAppend   int8 = 2
	OpSubtract int8 = 3
)

// ConfigResource identifies what configs belong to. Its type is one of the metadata's types, or ResourceBrokerLogger.
type ConfigResource struct {
	Type metadata.ResourceType
	Name string
}

// ConfigEntry is one config as DescribeConfigs shows it.
type ConfigEntry struct {
	Name          string
	Value         *string // nil when sensitive or unset
	ReadOnly      bool
	Default       bool // it is not set
	Source        int8 // SourceTopic …
	Sensitive     bool
	Type          int8 // a configdef.Type; 0 for none
	Documentation string
	Synonyms      []ConfigSynonym // most specific first
}

// ConfigSynonym is one of the settings that a config may get its value from.
type ConfigSynonym struct {
	Name   string
	Value  *string
	Source int8
}

// ConfigOp is one change in an IncrementalAlterConfigs.
type ConfigOp struct {
	Name  string
	Op    int8    // OpSet …
	Value *string // not used by OpDelete
}

// Configs is the service for all configs of topics, brokers and groups, by Kafka's keys: their effective values, the
// sources of these, and changes. Dynamic values are in the metadata, static ones were given at the start, the others
// are Kafka's defaults. The order of precedence is: a topic's or group's own value, the broker's dynamic one, the
// dynamic one for all brokers, the static one, the default.
type Configs struct {
	store  ports.MetadataStore
	nodeID int32
	name   string                            // nodeID as the name of a resource
	static atomic.Pointer[map[string]string] // never written to; replaced by Restate
	flush  ports.FlushPolicy
	levels LogLevels
	notice *configNotice

	resolved atomic.Pointer[resolvedConfigs]
}

// Static are the configs with which a broker is started, by Kafka's keys.
type Static struct {
	Given   map[string]string // what somebody has set
	Derived map[string]string // what follows from other settings, where nothing is given
}

// OfCluster returns the configs that follow from a cluster's replication factor and its min.insync.replicas: those of
// new topics, and those of the internal topics.
func OfCluster(replicationFactor, minInSync int64) map[string]string {
	replicas, inSync := strconv.FormatInt(replicationFactor, 10), strconv.FormatInt(minInSync, 10)
	configs := map[string]string{"default.replication.factor": replicas, "min.insync.replicas": inSync}
	for _, topic := range metadata.InternalTopics() {
		if topic.OnDemand() {
			configs[topic.ReplicationFactorKey] = replicas
		}
		if key, ok := topic.ConfigKeys["min.insync.replicas"]; ok {
			configs[key] = inSync
		}
	}
	return configs
}

// NewConfigs returns the config service of broker nodeID. static holds the configs that the broker was started with;
// node.id is added. flush defines when an append counts as durable in topics for which neither
// flush.messages nor flush.ms is set. Given configs without an effect are logged to log. The error names a static
// config that does not exist, or whose value is not allowed.
func NewConfigs(
	store ports.MetadataStore, nodeID int32, static Static, flush ports.FlushPolicy, levels LogLevels,
	log *slog.Logger,
) (*Configs, error) {
	c := &Configs{
		store: store, nodeID: nodeID, name: strconv.Itoa(int(nodeID)), flush: flush, levels: levels,
		notice: newConfigNotice(log),
	}
	own, err := c.withIDs(static)
	if err != nil {
		return nil, err
	}
	c.static.Store(&own)
	r := c.resolve(nil, nil)
	if err := configdef.ConflictOfBroker(r.int); err != nil {
		return nil, err
	}
	c.resolved.Store(r)
	img := store.Image()
	c.notice.give(context.Background(), configdef.Broker, static.Given, img.Configs(metadata.ResourceBroker, c.name),
		img.Configs(metadata.ResourceBroker, ""))
	return c, nil
}

// Restate replaces the static configs by those that the broker would be started with now. Configs that cannot be
// changed while it runs keep their values. Dynamic configs keep their precedence. The error is that of NewConfigs; then
// nothing has changed. It must not be called concurrently.
func (c *Configs) Restate(static Static) error {
	next, err := c.withIDs(static)
	if err != nil {
		return err
	}
	started := *c.static.Load()
	for _, k := range configdef.Broker.Keys() {
		if k.Update != configdef.ReadOnly {
			continue
		}
		if value, set := started[k.Name]; set {
			next[k.Name] = value
		} else {
			delete(next, k.Name)
		}
	}
	r := c.current()
	if err := configdef.ConflictOfBroker(c.resolveWith(&next, r.own, r.cluster).int); err != nil {
		return err
	}
	c.static.Store(&next)
	c.notice.give(context.Background(), configdef.Broker, static.Given)
	return nil
}

// withIDs returns all static configs with this broker's id, after checking them.
func (c *Configs) withIDs(static Static) (map[string]string, error) {
	own := make(map[string]string, len(static.Given)+len(static.Derived)+2)
	maps.Copy(own, static.Derived)
	maps.Copy(own, static.Given)
	own["node.id"], own["broker.id"] = c.name, c.name
	for key, value := range own {
		if err := configdef.ValidateBroker(key, value); err != nil {
			return nil, fmt.Errorf("config %s: %w", key, err)
		}
	}
	return own, nil
}

// Int returns the effective value of this broker's integer config (INT, LONG or SHORT). For log.retention.ms,
// log.roll.ms, log.roll.jitter.ms and log.flush.interval.ms it considers the configs for the same setting in other
// units.
func (c *Configs) Int(key string) int64 { return c.current().int(key) }

// Bool returns the effective value of this broker's boolean config.
func (c *Configs) Bool(key string) bool { return c.current().bool(key) }

// String returns the effective value of this broker's config as text, "" when there is none.
func (c *Configs) String(key string) string { return c.current().value(key).text }

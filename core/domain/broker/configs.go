package broker

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// ConfigResource names what configs belong to. The types beyond metadata's own are 8, a broker's loggers.
type ConfigResource struct {
	Type metadata.ResourceType
	Name string
}

// ConfigEntry is one config as DescribeConfigs shows it.
type ConfigEntry struct {
	Name          string
	Value         *string // nil when sensitive or unset
	ReadOnly      bool
	Default       bool // nothing set it
	Source        int8 // numbered as in Kafka's DescribeConfigs
	Sensitive     bool
	Type          int8 // numbered as in Kafka's DescribeConfigs
	Documentation string
	Synonyms      []ConfigSynonym // most specific first
}

// ConfigSynonym is one of the settings that could give a config its value.
type ConfigSynonym struct {
	Name   string
	Value  *string
	Source int8
}

// ConfigOp is one change in an IncrementalAlterConfigs: 0 set, 1 delete, 2 append, 3 subtract.
type ConfigOp struct {
	Name  string
	Op    int8
	Value *string
}

// TopicConfig is the part of a topic's configs that the write path needs.
type TopicConfig struct {
	MaxMessageBytes    int
	LogAppendTime      bool
	TimestampBeforeMax int64  // milliseconds
	TimestampAfterMax  int64  // milliseconds
	CompressionType    string // "producer", "uncompressed", "gzip", …
	CompressionLevel   int
	Compacted          bool
	MinInSyncReplicas  int
	Log                ports.LogConfig
}

// Configs is the service that knows every config of topics, brokers and groups, by Kafka's keys: its
// effective value, where that came from, and how it is changed. Dynamic values stand in metadata, static ones
// came with the start, the rest are Kafka's defaults.
type Configs struct{}

// Describe returns the resource's configs; keys nil means all of them.
func (c *Configs) Describe(ctx context.Context, r ConfigResource, keys []string, synonyms, documentation bool) ([]ConfigEntry, error) {
	panic("landing soon")
}

// Replace sets the resource's dynamic configs to exactly these (AlterConfigs).
func (c *Configs) Replace(ctx context.Context, r ConfigResource, configs map[string]*string, validateOnly bool) error {
	panic("landing soon")
}

// Alter changes single configs (IncrementalAlterConfigs, KIP-339).
func (c *Configs) Alter(ctx context.Context, r ConfigResource, ops []ConfigOp, validateOnly bool) error {
	panic("landing soon")
}

// Topic returns the effective configs of a topic with these own configs, resolved for the write path.
func (c *Configs) Topic(own map[string]string) TopicConfig { panic("landing soon") }

// Int returns the effective value of this broker's integer config (INT, LONG or SHORT).
func (c *Configs) Int(key string) int64 { panic("landing soon") }

// Bool returns the effective value of this broker's boolean config.
func (c *Configs) Bool(key string) bool { panic("landing soon") }

// String returns the effective value of this broker's config as text.
func (c *Configs) String(key string) string { panic("landing soon") }

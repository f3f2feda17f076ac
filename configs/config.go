// Package configs loads the broker's configuration from defaults, a TOML file, CHRONIK_* environment variables and the
// command line, each of which has precedence over those before it. Every setting is defined once, in the table of
// settings.go, with its meaning, its default and its allowed values; the sample file standalone.toml is generated from
// it. Configs with Kafka's own names are in the section [kafka] and are defined by core/domain/configdef.
//
// A configuration is either valid as a whole or refused: an error names every wrong key and value, where it comes from
// and what is allowed. Only wiring and cmd use this package; adapters and services get their settings as values.
package configs

import (
	"log/slog"
	"time"
)

// Config is a complete and valid configuration. Load makes one.
type Config struct {
	DataDir        string
	Listen         []Listener
	Advertised     []Listener // addresses that clients are told, by listener name
	UseWALMetadata bool
	Flush          string        // sync, interval or os
	FlushInterval  time.Duration // with Flush "interval"
	Memory         int64         // bytes
	Grace          time.Duration // how long requests under way may take when the broker stops
	LogLevel       slog.Level
	LogFormat      string // text or json
	HTTP           HTTP
	Telemetry      Telemetry
	WAL            WAL
	Journal        Journal
	Disk           Disk
	Cluster        Cluster
	Kafka          map[string]string // broker configs by Kafka's keys

	clustered bool
	nodeNamed bool              // cluster.node_id was given by a source other than a file
	origins   map[string]Origin // of every setting, and of Kafka's configs as kafka.<key>
}

// Listener is an address under a listener's name.
type Listener struct {
	Name    string
	Address string // host:port
}

// HTTP is where metrics and health are served.
type HTTP struct {
	Listen string // host:port; "" serves nothing
}

// Telemetry says where metrics and traces are sent to.
type Telemetry struct {
	OTLPEndpoint string        // URL of an OTLP receiver over HTTP; "" sends nothing
	OTLPMetrics  bool          // send metrics there
	OTLPTraces   bool          // send traces there
	OTLPInterval time.Duration // between two exports of metrics
	SampleRatio  float64       // the share of requests that is traced
}

// WAL is the metadata store's settings, named as in the seed; see walstore.Settings.
type WAL struct {
	SegmentSize    int64
	FlushInterval  time.Duration
	FlushThreshold int64
	Compression    string

	CheckpointEnabled         bool
	CheckpointIntervalRecords int64
	CheckpointIntervalBytes   int64

	RotationMaxSegmentSize        int64
	RotationMaxSegmentAge         time.Duration
	RotationCoordinateWithStorage bool

	FsyncEnabled      bool
	FsyncBatchSize    int64
	FsyncBatchTimeout time.Duration
}

// Journal is the settings of the journal that makes records durable.
type Journal struct {
	FileSize int64 // bytes of one file
	MaxFiles int64
}

// Disk is the settings of the disk's space.
type Disk struct {
	Reserve int64 // bytes held for writes that must not fail; see core/domain/space
}

// Cluster is the cluster section.
type Cluster struct {
	NodeID            int64
	ReplicationFactor int64
	MinInsyncReplicas int64
	Peers             []Peer
	Name              string // the cluster's name, the same on all nodes for ever
	RaftListen        string // host:port that Raft listens on; "" for the peer's address
	Join              bool   // the node joins a cluster that is there already
	CAFile            string // with the two below: TLS between the nodes
	CertFile, KeyFile string
}

// Peer is one node of the cluster.
type Peer struct {
	ID    int64
	Kafka string // host:port of its Kafka listener for other brokers
	Raft  string // host:port of its Raft transport
}

// Clustered reports whether a source has a cluster section. This node's id alone, on the command line or in the
// environment, does not count as one.
func (c *Config) Clustered() bool { return c.clustered }

// IsDefault reports whether the key is not set in any source.
func (c *Config) IsDefault(key string) bool { return c.origins[key] == FromDefault }

// OnlyNamesNode reports whether cluster.node_id is the only cluster setting that was given.
func (c *Config) OnlyNamesNode() bool { return c.nodeNamed && !c.clustered }

// AdvertisedFor returns the advertised address of a listener, "" if clients are told the address of their connection.
func (c *Config) AdvertisedFor(listener string) string {
	for _, a := range c.Advertised {
		if a.Name == listener {
			return a.Address
		}
	}
	return ""
}

// Package configs loads the broker's configuration: defaults, a TOML file, CHRONIK_* environment variables, and the
// command line, each having precedence over those before it. Every setting stands in one table (settings.go) with
// its meaning, its default and what is allowed; the sample files in this folder are written from it.
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
	nodeNamed bool              // cluster.node_id was given, and not by a file
	origins   map[string]Origin // of every setting, and of what is in Kafka as kafka.<key>
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
	OTLPInterval time.Duration // between two sendings of metrics
	SampleRatio  float64       // which part of the requests is traced
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
	Reserve int64 // bytes that are kept for what must go on
}

// Cluster is the cluster section.
type Cluster struct {
	NodeID            int64
	ReplicationFactor int64
	MinInsyncReplicas int64
	Peers             []Peer
	Name              string // the cluster's, the same on all nodes for good
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

// Clustered reports whether a source has given a cluster section. This node's id by itself, on the command line or
// in the environment, is none.
func (c *Config) Clustered() bool { return c.clustered }

// IsDefault reports whether no source has set the key.
func (c *Config) IsDefault(key string) bool { return c.origins[key] == FromDefault }

// OnlyNamesNode reports whether this node's id, as cluster.node_id, is all that was given of a cluster.
func (c *Config) OnlyNamesNode() bool { return c.nodeNamed && !c.clustered }

// AdvertisedFor returns the address that clients of the listener are told, "" for the one that they have come by.
func (c *Config) AdvertisedFor(listener string) string {
	for _, a := range c.Advertised {
		if a.Name == listener {
			return a.Address
		}
	}
	return ""
}

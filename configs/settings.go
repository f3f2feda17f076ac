package configs

import (
	"log/slog"
	"math"
	"net/url"
	"time"
)

// The largest broker id, as in Kafka, and units.
const (
	maxNodeID = math.MaxInt32
	mebibyte  = 1 << 20
	gibibyte  = 1 << 30
	day       = 24 * time.Hour
)

// DefaultGrace is the default of shutdown_grace_ms, which also applies before the configuration is read.
const DefaultGrace = 10 * time.Second

// What the setting memory may be, in bytes.
const (
	DefaultMemory int64 = 256 * mebibyte
	LeastMemory   int64 = 32 * mebibyte
	MostMemory    int64 = 1 << 40
)

//go:generate go test -run TestStandaloneSample -update

// settings are all keys but those of [kafka], in the order in which they are written.
var settings = []setting{
	text("data_dir", "data", "a path",
		"The directory that holds everything: records, metadata, and the lock against a second broker.",
		func(c *Config) *string { return &c.DataDir }, func(t string) bool { return t != "" }),
	addresses("listen", ":9092",
		"The addresses on which Kafka clients are served. "+
			"An empty host is every address of the machine, port 0 a free port.",
		func(c *Config) *[]Listener { return &c.Listen }),
	addresses("advertised_addr", "", "The addresses that clients are told, by listener. Without one, a client is "+
		"told the address of this machine at which its connection has arrived, which is right where clients use an "+
		"address of this machine. Behind a port mapping, as of a container, a tunnel, a load balancer or NAT they "+
		"use another one, which the broker cannot know: it must be set here.",
		func(c *Config) *[]Listener { return &c.Advertised }),
	choice("flush", "sync",
		`What an acknowledged record has survived. "sync": the loss of power. "interval": what is written is `+
			`synced every flush_interval_ms. "os": the operating system syncs when it likes, as Kafka does by `+
			`default. Topics have flush.messages and flush.ms for themselves.`,
		func(c *Config) *string { return &c.Flush }, "sync", "interval", "os"),
	millis("flush_interval_ms", time.Second, time.Millisecond, time.Hour,
		`The time between two syncs with flush = "interval".`,
		func(c *Config) *time.Duration { return &c.FlushInterval }),
	toggle("use_wal_metadata", true, "Whether metadata is kept in the write-ahead store, or (false) in one JSON file, "+
		"the legacy mode. `chronik-server metadata migrate` moves from one to the other.",
		func(c *Config) *bool { return &c.UseWALMetadata }),
	size("memory", DefaultMemory, LeastMemory, MostMemory,
		"The memory that the process may use. "+
			"Buffers and caches are sized to fit, and clients wait when they are full.",
		func(c *Config) *int64 { return &c.Memory }),
	millis("shutdown_grace_ms", DefaultGrace, 0, time.Hour, "How long requests under way may take when the broker "+
		"stops. A process that was asked to end does so five seconds later at the latest, whatever the disk does.",
		func(c *Config) *time.Duration { return &c.Grace }),
	level("log_level", "info", "The lowest level that is logged.",
		func(c *Config) *slog.Level { return &c.LogLevel }).changeable(),
	choice("log_format", "text", "How log lines are written, to the standard error output.",
		func(c *Config) *string { return &c.LogFormat }, "text", "json"),

	text("http.listen", "127.0.0.1:9464", `host:port, or "" for none`,
		"Where /metrics, /healthz and /readyz are served. If the default is in use, as by another broker on the "+
			"machine, a free port is used, and the log says which.",
		func(c *Config) *string { return &c.HTTP.Listen }, func(t string) bool { return t == "" || isAddress(t) }),

	text("telemetry.otlp_endpoint", "", `a URL such as "http://localhost:4318", or "" for none`,
		"The OpenTelemetry receiver (OTLP over HTTP) that metrics and traces are sent to.",
		func(c *Config) *string { return &c.Telemetry.OTLPEndpoint }, isURL),
	toggle("telemetry.otlp_metrics", true, "Whether metrics are sent to otlp_endpoint.",
		func(c *Config) *bool { return &c.Telemetry.OTLPMetrics }),
	toggle("telemetry.otlp_traces", true, "Whether traces of requests are sent to otlp_endpoint.",
		func(c *Config) *bool { return &c.Telemetry.OTLPTraces }),
	millis("telemetry.otlp_interval_ms", time.Minute, time.Second, day, "The time between two exports of metrics.",
		func(c *Config) *time.Duration { return &c.Telemetry.OTLPInterval }),
	ratio("telemetry.trace_sample_ratio", 1, "The share of requests that is traced.",
		func(c *Config) *float64 { return &c.Telemetry.SampleRatio }),

	size("journal.file_size", 64*mebibyte, mebibyte, gibibyte,
		"The size of one of the journal's files, which are reused in turn.",
		func(c *Config) *int64 { return &c.Journal.FileSize }),
	number("journal.max_files", 4, 2, 64, "How many files the journal may have. Appends wait when all are full.",
		func(c *Config) *int64 { return &c.Journal.MaxFiles }),

	size("disk.reserve", 64*mebibyte, 32*mebibyte, 1<<40,
		"The disk space that is held for writes that must go on when the disk is full: metadata, committed offsets, "+
			"deletions, compaction. Produced records are refused while less than the reserve and another quarter of "+
			"it is available. Large metadata makes the reserve larger.",
		func(c *Config) *int64 { return &c.Disk.Reserve }),

	size("metadata.wal.segment_size", 50*mebibyte, mebibyte, gibibyte, "The size of a file of values.",
		func(c *Config) *int64 { return &c.WAL.SegmentSize }),
	millis("metadata.wal.flush_interval_ms", 100*time.Millisecond, time.Millisecond, time.Hour,
		"The time between two syncs without fsync.",
		func(c *Config) *time.Duration { return &c.WAL.FlushInterval }),
	size("metadata.wal.flush_threshold", mebibyte, 1, gibibyte, "The bytes between two syncs without fsync.",
		func(c *Config) *int64 { return &c.WAL.FlushThreshold }),
	choice("metadata.wal.compression", "none", "How tables are compressed.",
		func(c *Config) *string { return &c.WAL.Compression }, "none", "snappy", "zstd"),
	toggle("metadata.wal.checkpoint.enabled", true,
		"Whether snapshots are written in addition to those at rotation and at a stop.",
		func(c *Config) *bool { return &c.WAL.CheckpointEnabled }),
	number("metadata.wal.checkpoint.interval_records", 1000, 1, 1<<30,
		"After how many commands a snapshot is written.",
		func(c *Config) *int64 { return &c.WAL.CheckpointIntervalRecords }),
	size("metadata.wal.checkpoint.interval_bytes", 10*mebibyte, 1<<10, 1<<40,
		"After how many changed bytes a snapshot is written.",
		func(c *Config) *int64 { return &c.WAL.CheckpointIntervalBytes }),
	size("metadata.wal.rotation.max_segment_size", 50*mebibyte, mebibyte, 1<<40,
		"After how many changed bytes the log is rotated: a snapshot is written, and garbage is collected.",
		func(c *Config) *int64 { return &c.WAL.RotationMaxSegmentSize }),
	millis("metadata.wal.rotation.max_segment_age_ms", time.Hour, time.Second, 365*day,
		"After how long the log is rotated, if there were changes.",
		func(c *Config) *time.Duration { return &c.WAL.RotationMaxSegmentAge }),
	toggle("metadata.wal.rotation.coordinate_with_storage", false,
		"Whether rotation is coordinated with that of records. "+
			"These have logs of their own, so that only false is allowed.",
		func(c *Config) *bool { return &c.WAL.RotationCoordinateWithStorage }).only("false"),
	toggle("metadata.wal.fsync.enabled", true, "Whether every commit is synced before its commands are answered.",
		func(c *Config) *bool { return &c.WAL.FsyncEnabled }),
	number("metadata.wal.fsync.batch_size", 1, 1, 256,
		"For how many commands a commit waits, batch_timeout_ms at most.",
		func(c *Config) *int64 { return &c.WAL.FsyncBatchSize }),
	millis("metadata.wal.fsync.batch_timeout_ms", 0, 0, time.Minute,
		"How long a commit waits for batch_size commands. With 0 it does not wait.",
		func(c *Config) *time.Duration { return &c.WAL.FsyncBatchTimeout }),

	number(nodeIDKey, 1, 0, maxNodeID,
		`This node's broker id, as kafka."node.id" gives it, too. A cluster section needs a binary built with: `+
			"make build-raft.",
		func(c *Config) *int64 { return &c.Cluster.NodeID }),
	number("cluster.replication_factor", 3, 1, math.MaxInt16,
		"The replication factor of a topic that is created without one.",
		func(c *Config) *int64 { return &c.Cluster.ReplicationFactor }),
	number("cluster.min_insync_replicas", 2, 1, math.MaxInt16,
		"How many replicas must be in sync for acks=all, unless the topic sets min.insync.replicas.",
		func(c *Config) *int64 { return &c.Cluster.MinInsyncReplicas }),
	text("cluster.name", "chronik", "a name",
		"The cluster's name, which is the same on all its nodes and never changes. "+
			"Nodes with another name are ignored.",
		func(c *Config) *string { return &c.Cluster.Name }, func(t string) bool { return t != "" }),
	text("cluster.raft_listen", "", `host:port, or "" for the node's raft address`,
		"Where this node listens for the others' Raft messages.",
		func(c *Config) *string { return &c.Cluster.RaftListen },
		func(t string) bool { return t == "" || isAddress(t) }),
	toggle("cluster.join", false,
		"Whether this node joins an existing cluster, to which it was added by "+
			"`chronik-server cluster add-node`.",
		func(c *Config) *bool { return &c.Cluster.Join }),
	text("cluster.ca_file", "", `a path, or "" for none`,
		"The certificate authority of the nodes' certificates: with cert_file and key_file, the nodes talk by mutual "+
			"TLS. Renewed files are loaded without a restart, except for connections to the raft address.",
		func(c *Config) *string { return &c.Cluster.CAFile }, func(string) bool { return true }),
	text("cluster.cert_file", "", `a path, or "" for none`,
		"This node's certificate, for the host names of its raft address and of its Kafka address.",
		func(c *Config) *string { return &c.Cluster.CertFile }, func(string) bool { return true }),
	text("cluster.key_file", "", `a path, or "" for none`, "The key of this node's certificate.",
		func(c *Config) *string { return &c.Cluster.KeyFile }, func(string) bool { return true }),
	peers("cluster.peers", "The nodes of the cluster, this one among them.",
		func(c *Config) *[]Peer { return &c.Cluster.Peers }),
}

// only narrows what is allowed to one value.
func (s setting) only(value string) setting {
	store := s.store
	s.allowed = value
	s.store = func(c *Config, text string) bool { return store(c, text) && text == value }
	return s
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return text == "" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

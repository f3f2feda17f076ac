package topics

import (
	"context"
	"iter"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// Cluster is the service that describes the cluster: Metadata, DescribeCluster,
// DescribeTopicPartitions, DescribeLogDirs, DescribeProducers and the producer ids.
type Cluster struct {
	store      ports.MetadataStore
	nodeID     int32
	logs       logDirectory
	partitions partitionInfo
	producers  *producerIDs
}

// logDirectory is what Cluster needs of the log store.
type logDirectory interface {
	Dir() (ports.LogDir, error)
}

// partitionInfo is what Cluster needs of the partitions on this broker.
type partitionInfo interface {
	// Producers returns the idempotent producers that a partition led here remembers.
	Producers(ctx context.Context, topic string, index int32) ([]partition.Producer, error)
	// LogSizes yields the wanted partitions on this broker with the sizes of their logs in bytes.
	LogSizes(ctx context.Context, wanted func(topic string, index int32) bool) iter.Seq2[ports.LogUsage, error]
}

// NewCluster returns the cluster service of broker nodeID.
func NewCluster(store ports.MetadataStore, nodeID int32, logs logDirectory, partitions partitionInfo) *Cluster {
	return &Cluster{store: store, nodeID: nodeID, logs: logs, partitions: partitions, producers: newProducerIDs(store)}
}

// Image returns the metadata to answer from.
func (c *Cluster) Image() *metadata.Image { return c.store.Image() }

// NodeID is this broker's id.
func (c *Cluster) NodeID() int32 { return c.nodeID }

// ControllerID is the id of the broker to which clients may send administrative requests, -1 if unknown.
func (c *Cluster) ControllerID() int32 { return c.store.Leadership().NodeID }

// LogDir describes the log directory and the wanted logs in it; with nil, all of them. The error is
// fault.KafkaStorageError when the directory cannot be read.
func (c *Cluster) LogDir(
	ctx context.Context, wanted func(topic string, partition int32) bool,
) (ports.LogDir, []ports.LogUsage, error) {
	dir, err := c.logs.Dir()
	if err != nil {
		return ports.LogDir{}, nil, fault.New(fault.KafkaStorageError, "log directory: %w", err)
	}
	if wanted == nil {
		wanted = func(string, int32) bool { return true }
	}
	var usages []ports.LogUsage
	for usage, err := range c.partitions.LogSizes(ctx, wanted) {
		if err != nil {
			return ports.LogDir{}, nil, err
		}
		usages = append(usages, usage)
	}
	return dir, usages, nil
}

// Producers returns the idempotent producers that a partition remembers.
func (c *Cluster) Producers(ctx context.Context, topic string, partitionIndex int32) ([]partition.Producer, error) {
	return c.partitions.Producers(ctx, topic, partitionIndex)
}

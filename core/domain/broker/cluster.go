package broker

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// Cluster is the service that describes the cluster: Metadata, DescribeCluster,
// DescribeTopicPartitions, DescribeLogDirs, DescribeProducers and the producer ids.
type Cluster struct{}

// Image returns the metadata from which to answer.
func (c *Cluster) Image() *metadata.Image { panic("landing soon") }

// NodeID is this broker's id.
func (c *Cluster) NodeID() int32 { panic("landing soon") }

// ControllerID is the broker id that clients may send administrative requests to, -1 when unknown.
func (c *Cluster) ControllerID() int32 { panic("landing soon") }

// LogDir describes the log directory and the logs in it; topics nil means all of them.
func (c *Cluster) LogDir(ctx context.Context, wanted func(topic string, partition int32) bool) (ports.LogDir, []LogUsage, error) {
	panic("landing soon")
}

// LogUsage is one log's size in bytes.
type LogUsage struct {
	Topic     string
	Partition int32
	Size      int64
}

// Producers returns the idempotent producers that a partition remembers.
func (c *Cluster) Producers(ctx context.Context, topic string, partitionIndex int32) ([]partition.Producer, error) {
	panic("landing soon")
}

// InitProducerID gives an idempotent producer its id and epoch. A producer that comes with the
// pair it has (KIP-360) gets its epoch raised, or a new id when the epochs are used up.
func (c *Cluster) InitProducerID(ctx context.Context, id int64, epoch int16) (newID int64, newEpoch int16, err error) {
	panic("landing soon")
}

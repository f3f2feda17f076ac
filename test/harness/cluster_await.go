package harness

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Partitions returns the partitions of the only topic in m; nil when the topic is unknown.
func Partitions(m *kmsg.MetadataResponse) []kmsg.MetadataResponseTopicPartition {
	if len(m.Topics) != 1 || m.Topics[0].ErrorCode != 0 {
		return nil
	}
	slices.SortFunc(m.Topics[0].Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int {
		return cmp.Compare(a.Partition, b.Partition)
	})
	return m.Topics[0].Partitions
}

// AwaitAll returns when each node knows all brokers as unfenced and has a leader of the metadata.
func (c *Cluster) AwaitAll(t *testing.T) {
	t.Helper()
	Within(t, 40*time.Second, "all nodes are in service", func() bool {
		for _, n := range c.Nodes {
			select {
			case <-n.Done:
				t.Fatalf("node %d has ended", n.ID)
			default:
			}
		}
		return !slices.ContainsFunc(c.Nodes, func(n *Node) bool {
			m := n.Metadata(t)
			return len(m.Brokers) < len(c.Nodes) || m.ControllerID < 0
		})
	})
}

// AwaitInSync returns when all nodes know all replicas of a topic as in sync.
func (c *Cluster) AwaitInSync(t *testing.T, topic string) {
	t.Helper()
	Within(t, time.Minute, "all replicas of "+topic+" are in sync", func() bool {
		return !slices.ContainsFunc(c.Nodes, func(n *Node) bool {
			parts := Partitions(n.Metadata(t, topic))
			return len(parts) == 0 || slices.ContainsFunc(parts, func(p kmsg.MetadataResponseTopicPartition) bool {
				return p.Leader < 0 || len(p.ISR) < len(p.Replicas)
			})
		})
	})
}

// Ask returns the first node's answer for which it holds.
func (c *Cluster) Ask(t *testing.T, holds func(*kmsg.MetadataResponse) bool,
	topics ...string,
) (m *kmsg.MetadataResponse) {
	t.Helper()
	Within(t, 30*time.Second, "a node knows the cluster", func() bool {
		return slices.ContainsFunc(c.Nodes, func(n *Node) bool {
			m = n.Metadata(t, topics...)
			return holds(m)
		})
	})
	return m
}

// Controller returns the node that leads the metadata.
func (c *Cluster) Controller(t *testing.T) *Node {
	t.Helper()
	return c.Node(t, c.Ask(t, func(m *kmsg.MetadataResponse) bool { return m.ControllerID >= 0 }).ControllerID)
}

// Leader returns the node that leads a partition.
func (c *Cluster) Leader(t *testing.T, topic string, partition int) *Node {
	t.Helper()
	m := c.Ask(t, func(m *kmsg.MetadataResponse) bool {
		parts := Partitions(m)
		return len(parts) > partition && parts[partition].Leader >= 0
	}, topic)
	return c.Node(t, Partitions(m)[partition].Leader)
}

// Create creates a topic with three replicas.
func (c *Cluster) Create(t *testing.T, topic string, partitions int32) {
	t.Helper()
	configs := map[string]*string{"segment.bytes": kadm.StringPtr("4194304"), "min.insync.replicas": kadm.StringPtr("2")}
	if _, err := kadm.NewClient(c.Client(t)).CreateTopic(t.Context(), partitions, 3, configs, topic); err != nil {
		t.Fatal(err)
	}
	c.AwaitInSync(t, topic)
}

// Balance elects the preferred leaders of a topic, and returns when all nodes know them.
func (c *Cluster) Balance(t *testing.T, topic string) {
	t.Helper()
	if _, err := kadm.NewClient(c.Client(t)).ElectLeaders(t.Context(), kadm.ElectPreferredReplica, nil); err != nil {
		t.Fatal(err)
	}
	Within(t, 20*time.Second, "the preferred replicas lead "+topic, func() bool {
		return !slices.ContainsFunc(c.Nodes, func(n *Node) bool {
			parts := Partitions(n.Metadata(t, topic))
			return len(parts) == 0 || slices.ContainsFunc(parts, func(p kmsg.MetadataResponseTopicPartition) bool {
				return p.Leader != p.Replicas[0]
			})
		})
	})
}

//go:build raft

package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestATopicMadeOnAnyNodeIsKnownToTheOthers is the seed's acceptance: three processes, and Kafka's own tool.
func TestATopicMadeOnAnyNodeIsKnownToTheOthers(t *testing.T) {
	t.Parallel()
	c := harness.StartCluster(t, 3, nil)
	for i, n := range c.Nodes {
		topic := fmt.Sprintf("made-on-%d", n.ID)
		n.Kafka(t, "topics", "--create", "--topic", topic, "--partitions", "3", "--replication-factor", "3")
		for _, other := range []*harness.Node{c.Nodes[(i+1)%3], c.Nodes[(i+2)%3]} {
			harness.Within(t, 20*time.Second, "the node knows the topic", func() bool {
				return len(harness.Partitions(other.Metadata(t, topic))) == 3
			})
			harness.Wants(t, other.Kafka(t, "topics", "--list"), topic)
			harness.Wants(t, other.Kafka(t, "topics", "--describe", "--topic", topic), "PartitionCount: 3",
				"ReplicationFactor: 3", "Partition: 2", "Isr: ")
		}
	}
	c.Nodes[0].Kafka(t, "topics", "--delete", "--topic", "made-on-3")
	harness.Within(t, 20*time.Second, "the deleted topic is gone everywhere", func() bool {
		for _, n := range c.Nodes {
			if m := n.Metadata(t, "made-on-3"); len(m.Topics) == 0 || harness.Partitions(m) != nil {
				return false
			}
		}
		return true
	})
}

// TestABrokerWithoutAClusterOpensNoRaftPort checks that the raft binary without a cluster section listens on no raft
// port and writes no raft data.
func TestABrokerWithoutAClusterOpensNoRaftPort(t *testing.T) {
	t.Parallel()
	b := harness.Start(t, "")
	if ports := b.Listens(t); len(ports) != 2 {
		t.Errorf("it listens at %v, want one port for Kafka and one for HTTP", ports)
	}
	if _, err := os.Stat(filepath.Join(b.Dir, "raft")); !os.IsNotExist(err) {
		t.Errorf("a directory for Raft: %v", err)
	}
	b.Cmd.Process.Signal(syscall.SIGQUIT) // the runtime prints all goroutines
	<-b.Done
	if dump := b.Log.Tail(1 << 30); !strings.Contains(dump, "goroutine ") || strings.Contains(dump, "dragonboat") {
		t.Errorf("the goroutines of a broker without a cluster:\n%s", dump[max(0, len(dump)-4000):])
	}
}

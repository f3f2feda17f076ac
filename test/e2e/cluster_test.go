//go:build raft

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestATopicMadeOnAnyNodeIsKnownToTheOthers is the seed's acceptance: three processes, and Kafka's own tool.
func TestATopicMadeOnAnyNodeIsKnownToTheOthers(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	c := startNodes(t, 3, nil)
	for i, n := range c.all {
		topic := fmt.Sprintf("made-on-%d", n.id)
		n.kafka(t, "topics", "--create", "--topic", topic, "--partitions", "3", "--replication-factor", "3")
		for _, other := range []*clusterNode{c.all[(i+1)%3], c.all[(i+2)%3]} {
			within(t, 5*time.Second, "node is told of the topic", func() bool {
				return len(partitions(other.metadata(t, topic))) == 3
			})
			wants(t, other.kafka(t, "topics", "--list"), topic)
			wants(t, other.kafka(t, "topics", "--describe", "--topic", topic), "PartitionCount: 3", "ReplicationFactor: 3", "Partition: 2", "Isr: ")
		}
	}
	c.all[0].kafka(t, "topics", "--delete", "--topic", "made-on-3")
	within(t, 5*time.Second, "the deleted topic is gone everywhere", func() bool {
		for _, n := range c.all {
			if m := n.metadata(t, "made-on-3"); len(m.Topics) == 0 || partitions(m) != nil {
				return false
			}
		}
		return true
	})
}

// TestABrokerWithoutAClusterOpensNoRaftPort looks at what the raft binary listens at, and for Raft's data, when it has no cluster section.
func TestABrokerWithoutAClusterOpensNoRaftPort(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	b := start(t, "")
	if ports := b.listens(t); len(ports) != 2 {
		t.Errorf("it listens at %v, want one port for Kafka and one for HTTP", ports)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "raft")); !os.IsNotExist(err) {
		t.Errorf("a directory for Raft: %v", err)
	}
	b.cmd.Process.Signal(syscall.SIGQUIT) // the runtime writes down all goroutines
	<-b.done
	if dump := b.log.tail(1 << 30); !strings.Contains(dump, "goroutine ") || strings.Contains(dump, "dragonboat") {
		t.Errorf("the goroutines of a broker without a cluster:\n%s", dump[max(0, len(dump)-4000):])
	}
}

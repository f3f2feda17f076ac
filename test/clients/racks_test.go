//go:build raft

package clients

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
	"github.com/chronik-stream/chronik/test/history"
)

// Kafka's own consumer and librdkafka's read from the node in their rack, too, and from another node when it dies. How
// much each node has sent to clients is counted on the way.
func TestOtherConsumersReadInTheirRackInACluster(t *testing.T) {
	t.Parallel()
	const records, size = 100, 10 << 10
	for name, start := range map[string]func(t *testing.T, v *history.Verifiable, seeds, rack string) *history.Program{
		"java": func(t *testing.T, v *history.Verifiable, seeds, rack string) *history.Program {
			config := filepath.Join(t.TempDir(), "consumer")
			harness.WriteFile(t, config, "client.rack="+rack+"\nmetadata.max.age.ms=2000\n")
			return v.Start(t, harness.KafkaScript, "verifiable-consumer", "--bootstrap-server", seeds, "--topic", "near",
				"--group-id", "near", "--verbose",
				"--command-config", config)
		},
		"librdkafka": func(t *testing.T, v *history.Verifiable, seeds, rack string) *history.Program {
			return v.Start(t, harness.PythonScript, "work.py", "consume", seeds, "near", "near", rack)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.StartCluster(t, 3, harness.NewNetwork(t), "--set", "kafka.broker.rack=rack-{id}",
				"--set", "kafka.replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector")
			c.Create(t, "near", 1)
			leader := c.Leader(t, "near", 0)
			near := c.Nodes[int(leader.ID)%len(c.Nodes)]
			producer := c.Client(t, kgo.DefaultProduceTopic("near"), kgo.ProducerBatchCompression(kgo.NoCompression()))
			v := history.NewVerifiable()
			reads := func(want int) {
				t.Helper()
				harness.Within(t, time.Minute, "the consumer has read what was written", func() bool { return v.Seen() >= want })
			}
			write := func() {
				t.Helper()
				for range records {
					if err := producer.ProduceSync(t.Context(), kgo.StringRecord(strings.Repeat("x", size))).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
			}
			write()
			start(t, v, strings.Join(c.Seeds(), ","), fmt.Sprint("rack-", near.ID))
			reads(records)
			c.Network.Taken()
			write()
			reads(2 * records)
			if taken := c.Network.Taken(); taken[near.ID] < records*size || taken[leader.ID] > records*size/10 {
				t.Errorf("bytes sent by node: %v, want all from node %d, node %d leads", taken, near.ID, leader.ID)
			}
			near.Crash()
			write()
			reads(3 * records)
		})
	}
}

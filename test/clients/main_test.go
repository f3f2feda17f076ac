// Package clients runs clients that Chronik did not write: Apache Kafka's command line tools, kcat, librdkafka, KafkaJS
// and franz-go's own test suite, against one broker and, with the tag raft, against a cluster.
//
// What has no build tag is the acceptance of both builds. What takes long and learns nothing of a broker of the
// clustered build that runs alone is for the standalone build only.
package clients

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

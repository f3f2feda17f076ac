// Package clients runs clients that Chronik did not write: Apache Kafka's command line tools, kcat, librdkafka, KafkaJS
// and franz-go's own test suite. They run against one broker and, with the tag raft, against a cluster.
//
// Tests without a build tag are the acceptance of both builds. Long tests that would show nothing new in the clustered
// build run in the standalone build only.
package clients

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

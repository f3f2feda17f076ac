//go:build !raft

package clients

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestLibrdkafka and TestKafkaJS run a script that uses the client and checks the results; it exits with an error when
// one is wrong.
func TestLibrdkafka(t *testing.T) {
	b := harness.Start(t, "")
	harness.Wants(t, harness.Command(t, "", harness.PythonScript, "check.py", b.Addr), "all checks passed")
}

func TestKafkaJS(t *testing.T) {
	b := harness.Start(t, "")
	harness.Wants(t, harness.Command(t, "", "node/run", b.Addr), "all checks passed")
}

// TestFranzGoSuite runs the test-suite of franz-go's client against the broker.
func TestFranzGoSuite(t *testing.T) {
	runFranzGoSuite(t, "20000", "KGO_TEST_RF=1", "KGO_SEEDS="+harness.Start(t, "").Addr)
}

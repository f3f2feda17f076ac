// Package differential sends the same sequences of requests, in every version, to Apache Kafka and to Chronik, and
// compares the answers field by field. Allowed differences are in reviewed_test.go, each with its reason; one that does
// not occur any more fails the tests.
package differential

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

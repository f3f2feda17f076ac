// Package differential tells the same stories to Apache Kafka and to Chronik, request by request and version by
// version, and compares the answers field by field. What may differ stands in reviewed_test.go, each difference with
// its reason; one that does not occur any more fails the tests.
package differential

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

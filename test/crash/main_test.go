// Package crash kills a broker repeatedly while clients work and topics are created and deleted, and checks the
// clients' histories. CHRONIK_CRASHES says how often (make crash).
package crash

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

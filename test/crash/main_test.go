// Package crash kills a broker again and again while clients work and topics come and go, and checks the clients'
// histories. CHRONIK_CRASHES says how often (make crash).
package crash

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Package measure has the tests that tell how long something takes: starts, fail-overs, restarts, moves. The times are
// checked by make measure only, on a machine that does nothing else; otherwise the tests check what was done.
package measure

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Package measure has the tests that measure times: of starts, fail-overs, restarts and moves. Only make measure checks
// the times, on a machine that does nothing else; otherwise the tests check what was done.
package measure

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

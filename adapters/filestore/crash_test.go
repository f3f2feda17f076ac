package filestore

import (
	"testing"

	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// childEnv makes the test binary a child that is to be killed.
const childEnv = "CHRONIK_CRASH_DIR"

var crash = porttest.Crash{
	Env: childEnv, Commands: 10_000, Rounds: 8,
	Open: func(dir string) (ports.MetadataStore, error) { return Open(dir, 1) },
}

func runChild(dir string) int { return porttest.CrashChild(crash, dir) }

func TestKilledAtAnyMomentTheStoreLosesNothingAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 commands")
	}
	porttest.MetadataStoreCrash(t, crash)
}

// Package chaos lets nodes, networks, disks and power fail while clients work, and checks the clients' histories. Every
// acknowledged record is there, once and in order; what was read stays; a group's committed offsets do not go back. Its
// tests carry the tag raft.
//
// CHAOS_TIME is how long each test goes on, CHAOS_SEED determines the faults (make chaos).
package chaos

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

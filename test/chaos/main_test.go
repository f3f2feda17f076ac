// Package chaos lets nodes, networks, disks and power fail while clients work, and checks the clients' histories: what
// was acknowledged is there, once and in order; what was read stays; what a group has committed does not go back. Its
// tests carry the tag raft.
//
// CHAOS_TIME says for how long each kind goes on, CHAOS_SEED which mishaps come (make chaos).
package chaos

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

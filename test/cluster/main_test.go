// Package cluster runs clusters of three nodes and more. It tests elections, fail-over, growing and shrinking, and
// nodes that are replaced, wiped or attacked. Its tests carry the tag raft. Two clusters run at a time (go test
// -parallel), as many as two cores can carry.
package cluster

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Package cluster runs clusters of three nodes and more: they elect, fail over, grow, shrink, are replaced, wiped and
// attacked. Its tests carry the tag raft. Two clusters run at a time (go test -parallel), which is what two cores bear.
package cluster

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

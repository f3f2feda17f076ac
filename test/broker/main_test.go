// Package broker runs one broker. It tests how the broker starts and stops, what is left of topics and offsets after a
// kill, and how its metadata is restored.
package broker

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

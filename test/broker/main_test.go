// Package broker runs one broker: how it starts and ends, what is left of topics and offsets when it was killed, and
// how its metadata is restored.
package broker

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Package limits runs one broker where something is used up: memory, under a hard limit of the kernel, by many
// partitions and by hostile clients; and the disk.
package limits

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

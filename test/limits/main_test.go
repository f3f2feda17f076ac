// Package limits runs one broker at the limits of memory and disk. It runs under a hard memory limit of the kernel,
// with many partitions and hostile clients, and with a full disk.
package limits

import (
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

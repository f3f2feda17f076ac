package seglog

import (
	"testing"

	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestStoreKeepsThePortsContract(t *testing.T) {
	porttest.LogStore(t, func(t *testing.T, dir string) ports.LogStore { return openStore(t, dir) })
}

package porttest_test

import (
	"testing"

	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestLogsInMemoryKeepTheContract(t *testing.T) {
	stores := map[string]*porttest.Logs{} // by directory: what was closed is opened with what it held
	porttest.LogStore(t, func(_ *testing.T, dir string) ports.LogStore {
		s := porttest.NewLogs()
		if before := stores[dir]; before != nil {
			s = before.Reopened()
		}
		stores[dir] = s
		return s
	})
}

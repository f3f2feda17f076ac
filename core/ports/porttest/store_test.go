package porttest_test

import (
	"sync"
	"testing"

	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestStoreKeepsThePortContract(t *testing.T) {
	var mu sync.Mutex
	stores := map[string]*porttest.Store{} // by directory: what was closed is opened with what it held
	porttest.MetadataStore(t, func(_ *testing.T, dir string) ports.MetadataStore {
		mu.Lock()
		defer mu.Unlock()
		s := porttest.NewStore()
		if before := stores[dir]; before != nil {
			s.Show(before.Image())
		}
		stores[dir] = s
		return s
	})
}

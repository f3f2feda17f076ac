package memstore_test

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/adapters/memstore"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStoreKeepsThePortContract opens what was closed with the image that it had: in memory, that is what durable
// means.
func TestStoreKeepsThePortContract(t *testing.T) {
	var mu sync.Mutex
	stores := map[string]*memstore.Store{} // by directory
	porttest.MetadataStore(t, func(_ *testing.T, dir string) ports.MetadataStore {
		mu.Lock()
		defer mu.Unlock()
		img := new(metadata.Image)
		if before := stores[dir]; before != nil {
			img = before.Image()
		}
		stores[dir] = memstore.Open(img, 1)
		return stores[dir]
	})
}

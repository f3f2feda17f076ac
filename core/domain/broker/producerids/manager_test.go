package producerids

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// countedStore counts commands and can refuse them.
type countedStore struct {
	*porttest.Store
	commands int
	refuse   error
}

func (s *countedStore) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	s.commands++
	if s.refuse != nil {
		return metadata.Result{}, s.refuse
	}
	return s.Store.Apply(ctx, cmd)
}

func newManager() (*Manager, *countedStore) {
	s := &countedStore{Store: porttest.NewStore()}
	return New(s), s
}

func TestProducerIDsAreNeverGivenTwice(t *testing.T) {
	m, store := newManager()
	var mu sync.Mutex
	seen := map[int64]bool{}
	take := func(m *Manager, n int) {
		for range n {
			id, epoch, err := m.InitProducerID(t.Context(), -1, -1)
			mu.Lock()
			if err != nil || epoch != 0 || id < 0 || seen[id] {
				t.Errorf("id %d, epoch %d, %v, given before: %v", id, epoch, err, seen[id])
			}
			seen[id] = true
			mu.Unlock()
		}
	}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() { take(m, 300) })
	}
	wg.Wait()
	if store.commands != 2 {
		t.Errorf("%d commands for 1,500 ids, want 2", store.commands)
	}
	take(New(store), 10) // the same metadata after a restart
	if len(seen) != 1510 {
		t.Errorf("%d ids, want 1510", len(seen))
	}
}

// Apache Kafka 4.3.1 gives a producer without transactional id a new id in any case.
func TestAProducerThatComesWithItsIDGetsANewOne(t *testing.T) {
	m, _ := newManager()
	for i, pair := range []struct {
		id    int64
		epoch int16
	}{{-1, -1}, {0, 0}, {5, 3}, {1000, 32767}, {-2, -2}} {
		if id, epoch, err := m.InitProducerID(t.Context(), pair.id, pair.epoch); id != int64(i) || epoch != 0 || err != nil {
			t.Errorf("%v: %d, %d, %v; want %d, 0", pair, id, epoch, err, i)
		}
	}
	for _, half := range []struct {
		id    int64
		epoch int16
	}{{5, -1}, {-1, 3}} {
		if id, epoch, err := m.InitProducerID(t.Context(), half.id, half.epoch); id != -1 || epoch != -1 ||
			!errors.Is(err, fault.InvalidRequest) {
			t.Errorf("%v: %d, %d, %v; want INVALID_REQUEST", half, id, epoch, err)
		}
	}
}

func TestProducerIDsNeedMetadataThatCanBeChanged(t *testing.T) {
	m, store := newManager()
	store.refuse = fault.NotController
	if id, _, err := m.InitProducerID(t.Context(), -1, -1); id != -1 || !errors.Is(err, fault.NotController) {
		t.Errorf("%d, %v", id, err)
	}
	store.refuse = nil
	if id, _, err := m.InitProducerID(t.Context(), -1, -1); id != 0 || err != nil {
		t.Errorf("afterwards: %d, %v", id, err)
	}
	m.turn <- struct{}{} // another caller waits for the metadata
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := m.InitProducerID(ctx, -1, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

package topics

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// raced is a store in which another command is applied just before the first one.
type raced struct {
	*porttest.Store
	before func()
}

func (r raced) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	r.before()
	return r.Store.Apply(ctx, cmd)
}

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

// knownLogs are logs of known sizes.
type knownLogs struct {
	sizes     []ports.LogUsage
	dirErr    error
	producers []partition.Producer
}

func (l knownLogs) Dir() (ports.LogDir, error) {
	return ports.LogDir{Path: "/data", Total: 100, Usable: 60}, l.dirErr
}

func (l knownLogs) Producers(context.Context, string, int32) ([]partition.Producer, error) {
	return l.producers, nil
}

func (l knownLogs) LogSizes(_ context.Context, wanted func(string, int32) bool) iter.Seq2[ports.LogUsage, error] {
	return func(yield func(ports.LogUsage, error) bool) {
		for _, u := range l.sizes {
			if wanted(u.Topic, u.Partition) && !yield(u, nil) {
				return
			}
		}
	}
}

func newCluster(logs knownLogs) (*Cluster, *countedStore) {
	s := &countedStore{Store: porttest.NewStore()}
	return NewCluster(s, 1, logs, logs), s
}

func TestProducerIDsAreNeverGivenTwice(t *testing.T) {
	c, store := newCluster(knownLogs{})
	var mu sync.Mutex
	seen := map[int64]bool{}
	take := func(c *Cluster, n int) {
		for range n {
			id, epoch, err := c.InitProducerID(t.Context(), -1, -1)
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
		wg.Go(func() { take(c, 300) })
	}
	wg.Wait()
	if store.commands != 2 {
		t.Errorf("%d commands for 1,500 ids, want 2", store.commands)
	}
	take(NewCluster(store, 1, knownLogs{}, knownLogs{}), 10) // the same metadata after a restart
	if len(seen) != 1510 {
		t.Errorf("%d ids, want 1510", len(seen))
	}
}

// Apache Kafka 4.3.1 gives a producer without transactional id a new id in any case.
func TestAProducerThatComesWithItsIDGetsANewOne(t *testing.T) {
	c, _ := newCluster(knownLogs{})
	for i, pair := range []struct {
		id    int64
		epoch int16
	}{{-1, -1}, {0, 0}, {5, 3}, {1000, 32767}, {-2, -2}} {
		if id, epoch, err := c.InitProducerID(t.Context(), pair.id, pair.epoch); id != int64(i) || epoch != 0 || err != nil {
			t.Errorf("%v: %d, %d, %v; want %d, 0", pair, id, epoch, err, i)
		}
	}
	for _, half := range []struct {
		id    int64
		epoch int16
	}{{5, -1}, {-1, 3}} {
		if id, epoch, err := c.InitProducerID(t.Context(), half.id, half.epoch); id != -1 || epoch != -1 ||
			!errors.Is(err, fault.InvalidRequest) {
			t.Errorf("%v: %d, %d, %v; want INVALID_REQUEST", half, id, epoch, err)
		}
	}
}

func TestProducerIDsNeedMetadataThatCanBeChanged(t *testing.T) {
	c, store := newCluster(knownLogs{})
	store.refuse = fault.NotController
	if id, _, err := c.InitProducerID(t.Context(), -1, -1); id != -1 || !errors.Is(err, fault.NotController) {
		t.Errorf("%d, %v", id, err)
	}
	store.refuse = nil
	if id, _, err := c.InitProducerID(t.Context(), -1, -1); id != 0 || err != nil {
		t.Errorf("afterwards: %d, %v", id, err)
	}
	c.producers.turn <- struct{}{} // another caller waits for the metadata
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.InitProducerID(ctx, -1, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTheLogDirectoryIsDescribed(t *testing.T) {
	logs := knownLogs{sizes: []ports.LogUsage{
		{Topic: "a", Partition: 0, Size: 10},
		{Topic: "a", Partition: 1, Size: 20},
		{Topic: "b", Partition: 0, Size: 30},
	}}
	c, _ := newCluster(logs)
	dir, usages, err := c.LogDir(t.Context(), nil)
	if err != nil || dir.Path != "/data" || !cmp.Equal(usages, logs.sizes) {
		t.Errorf("all: %+v, %v, %v", dir, usages, err)
	}
	_, usages, err = c.LogDir(t.Context(), func(topic string, p int32) bool { return topic == "a" && p == 1 })
	if err != nil || !cmp.Equal(usages, logs.sizes[1:2]) {
		t.Errorf("one: %v, %v", usages, err)
	}
	logs.dirErr = errors.New("gone")
	c, _ = newCluster(logs)
	if _, _, err := c.LogDir(t.Context(), nil); !errors.Is(err, fault.KafkaStorageError) {
		t.Errorf("lost directory: %v", err)
	}
	if c.NodeID() != 1 || c.ControllerID() != 1 || c.Image() == nil {
		t.Errorf("node %d, controller %d", c.NodeID(), c.ControllerID())
	}
}

// Package porttest holds a contract suite for each port. Every adapter of a port runs its suite. It also has
// implementations of the ports in memory for tests of the domain (Store, Logs, Network), which run the same suites.
package porttest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// MetadataStore checks the contract of ports.MetadataStore. open returns a store over dir. Opened again on the same dir
// after Close, the store must have everything that was acknowledged. The suite closes what it opens.
func MetadataStore(t *testing.T, open func(t *testing.T, dir string) ports.MetadataStore) {
	t.Helper()
	suite := metadataSuite{open}
	t.Run("a new store is empty", suite.newIsEmpty)
	t.Run("Apply returns what the image then holds", suite.applyShows)
	t.Run("a refused command changes nothing", suite.refused)
	t.Run("an image never changes", suite.imageIsImmutable)
	t.Run("what was acknowledged is there after reopening", suite.durable)
	t.Run("concurrent commands are applied in one order", suite.concurrent)
	t.Run("Watch yields the current image and newer ones and ends with its context", suite.watch)
	t.Run("a slow watcher skips images and holds nobody up", suite.slowWatch)
	t.Run("Barrier sees what has returned", suite.barrier)
	t.Run("this node leads", suite.leads)
	t.Run("a closed store refuses commands", suite.closed)
	t.Run("an ended context is returned", suite.cancelled)
	t.Run("Close during commands loses none that was acknowledged", suite.closeUnderLoad)
}

// patience is how long the suite waits for something that must happen.
const patience = 30 * time.Second

type metadataSuite struct {
	open func(t *testing.T, dir string) ports.MetadataStore
}

// fresh returns a store with one broker, and its directory.
func (m metadataSuite) fresh(t *testing.T) (ports.MetadataStore, string) {
	t.Helper()
	dir := t.TempDir()
	s := m.open(t, dir)
	t.Cleanup(func() { closeStore(t, s) })
	mustApply(t, s, metadata.RegisterBroker{ID: 1, Incarnation: [16]byte{1}})
	return s, dir
}

func (m metadataSuite) newIsEmpty(t *testing.T) {
	s := m.open(t, t.TempDir())
	defer closeStore(t, s)
	if topics, partitions := s.Image().Counts(); s.Image().Index() != 0 || topics != 0 || partitions != 0 {
		t.Errorf("image of a new store: index %d, %d topics, %d partitions", s.Image().Index(), topics, partitions)
	}
}

func (m metadataSuite) applyShows(t *testing.T) {
	s, _ := m.fresh(t)
	got := mustApply(t, s, createTopic("orders", 3))
	topic, ok := s.Image().Topic("orders")
	if !ok || got.Topic != topic || len(topic.Partitions) != 3 {
		t.Errorf("topic orders = %+v, %t; Apply returned %+v", topic, ok, got.Topic)
	}
	if got.Index != s.Image().Index() {
		t.Errorf("Apply returned index %d, the image has %d", got.Index, s.Image().Index())
	}
}

func (m metadataSuite) refused(t *testing.T) {
	s, dir := m.fresh(t)
	mustApply(t, s, createTopic("orders", 3))
	before := s.Image()
	for _, refused := range []struct {
		cmd  metadata.Command
		want fault.Kind
	}{
		{createTopic("orders", 3), fault.TopicExists},
		{createTopic("or/ders", 3), fault.InvalidTopic},
		{createTopic("none", 0), fault.InvalidPartitions},
		{metadata.DeleteTopic{ID: metadata.TopicID{9}}, fault.UnknownTopicID},
	} {
		if _, err := s.Apply(t.Context(), refused.cmd); !errors.Is(err, refused.want) {
			t.Errorf("Apply(%+v) = %v, want %v", refused.cmd, err, refused.want)
		}
	}
	if s.Image() != before {
		t.Error("refused commands changed the image")
	}
	want := dump(t, before)
	closeStore(t, s)
	s = m.open(t, dir)
	defer closeStore(t, s)
	if diff := cmp.Diff(want, dump(t, s.Image())); diff != "" {
		t.Errorf("refused commands left something behind (-want +got):\n%s", diff)
	}
}

func (m metadataSuite) imageIsImmutable(t *testing.T) {
	s, _ := m.fresh(t)
	mustApply(t, s, createTopic("orders", 3))
	img := s.Image()
	want := dump(t, img)
	mustApply(t, s, metadata.CreatePartitions{Topic: "orders", Count: 5})
	mustApply(t, s, createTopic("payments", 1))
	mustApply(t, s, metadata.DeleteTopic{ID: topicID("orders")})
	mustApply(t, s, metadata.AllocateProducerIDs{Count: 10})
	if diff := cmp.Diff(want, dump(t, img)); diff != "" {
		t.Errorf("an older image changed (-before +after):\n%s", diff)
	}
}

func (m metadataSuite) durable(t *testing.T) {
	s, dir := m.fresh(t)
	mustApply(t, s, metadata.InitCluster{ClusterID: "cluster"})
	for n := range 20 {
		mustApply(t, s, createTopic(fmt.Sprintf("topic-%d", n), 1+int32(n)))
	}
	mustApply(t, s, metadata.DeleteTopic{ID: topicID("topic-7")})
	mustApply(t, s, metadata.CreatePartitions{Topic: "topic-3", Count: 9})
	mustApply(t, s, metadata.AlterConfigs{
		Type: metadata.ResourceTopic, Name: "topic-4", Set: map[string]string{"retention.ms": "1000"},
	})
	mustApply(t, s, metadata.AlterConfigs{
		Type: metadata.ResourceBroker, Name: "1", Set: map[string]string{"log.cleaner.threads": "2"},
	})
	mustApply(t, s, metadata.AlterConfigs{Type: metadata.ResourceBroker, Name: "1", Replace: true})
	mustApply(t, s, metadata.AllocateProducerIDs{Count: 1000})
	for range 3 {
		want := dump(t, s.Image())
		closeStore(t, s)
		s = m.open(t, dir)
		if diff := cmp.Diff(want, dump(t, s.Image())); diff != "" {
			t.Errorf("after reopening (-want +got):\n%s", diff)
		}
		index := s.Image().Index()
		if got := mustApply(t, s, metadata.AllocateProducerIDs{Count: 1}); got.Index != index+1 {
			t.Errorf("index after reopening: %d, then %d", index, got.Index)
		}
	}
	closeStore(t, s)
}

func (m metadataSuite) concurrent(t *testing.T) {
	s, _ := m.fresh(t)
	const clients, each = 8, 40
	indexes, firsts := make([][]uint64, clients), make([][]int64, clients)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for range each {
				got, err := s.Apply(t.Context(), metadata.AllocateProducerIDs{Count: 5})
				if err != nil {
					t.Error(err)
					return
				}
				if s.Image().Index() < got.Index {
					t.Errorf("the image has index %d after Apply returned %d", s.Image().Index(), got.Index)
				}
				indexes[c], firsts[c] = append(indexes[c], got.Index), append(firsts[c], got.ProducerIDs.First)
			}
		})
	}
	wg.Wait()
	for c := range clients {
		if !slices.IsSorted(indexes[c]) || !slices.IsSorted(firsts[c]) {
			t.Errorf("client %d saw time go back: indexes %v, ids %v", c, indexes[c], firsts[c])
		}
	}
	allIndexes := slices.Sorted(slices.Values(slices.Concat(indexes...)))
	allFirsts := slices.Sorted(slices.Values(slices.Concat(firsts...)))
	for n := range clients * each {
		if allIndexes[n] != uint64(n)+2 || allFirsts[n] != int64(n)*5 {
			t.Fatalf("result %d: index %d, first id %d; want %d, %d", n, allIndexes[n], allFirsts[n], n+2, n*5)
		}
	}
}

func (m metadataSuite) watch(t *testing.T) {
	s, _ := m.fresh(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	last := uint64(0)
	for img := range s.Watch(ctx) {
		if last != 0 && img.Index() <= last {
			t.Errorf("image %d after image %d", img.Index(), last)
		}
		last = img.Index()
		if last == 6 {
			cancel()
			continue
		}
		mustApply(t, s, metadata.AllocateProducerIDs{Count: 1})
	}
	if last != 6 {
		t.Errorf("Watch ended at image %d, want 6", last)
	}
	for range s.Watch(ctx) {
		t.Error("Watch yields after its context has ended")
	}
}

func (m metadataSuite) slowWatch(t *testing.T) {
	s, _ := m.fresh(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := []uint64{}
	for img := range s.Watch(ctx) {
		seen = append(seen, img.Index())
		if len(seen) == 2 {
			break
		}
		for range 50 { // while the watcher is busy
			mustApply(t, s, metadata.AllocateProducerIDs{Count: 1})
		}
	}
	if want := []uint64{1, 51}; !slices.Equal(seen, want) {
		t.Errorf("a slow watcher saw images %v, want %v", seen, want)
	}
}

func (m metadataSuite) barrier(t *testing.T) {
	s, _ := m.fresh(t)
	got := mustApply(t, s, metadata.AllocateProducerIDs{Count: 1})
	if err := s.Barrier(t.Context()); err != nil || s.Image().Index() < got.Index {
		t.Errorf("Barrier() = %v, image at %d, want %d at least", err, s.Image().Index(), got.Index)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Barrier(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Barrier() with an ended context = %v", err)
	}
}

func (m metadataSuite) leads(t *testing.T) {
	s, _ := m.fresh(t)
	before := s.Leadership()
	if !before.Local || before.NodeID < 0 {
		t.Errorf("Leadership() = %+v", before)
	}
	if err := s.Barrier(t.Context()); err != nil || s.Leadership() != before {
		t.Errorf("after a Barrier, %v: Leadership() = %+v, want %+v", err, s.Leadership(), before)
	}
}

func (m metadataSuite) closed(t *testing.T) {
	s, _ := m.fresh(t)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		for range s.Watch(context.Background()) {
		}
	}()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
	if _, err := s.Apply(t.Context(), metadata.AllocateProducerIDs{Count: 1}); err == nil {
		t.Error("Apply() on a closed store succeeds")
	}
	if err := s.Barrier(t.Context()); err == nil {
		t.Error("Barrier() on a closed store succeeds")
	}
	if s.Image() == nil || s.Image().Index() != 1 {
		t.Error("a closed store has lost its image")
	}
	select {
	case <-watching:
	case <-time.After(patience):
		t.Error("Watch goes on after Close")
	}
}

func (m metadataSuite) cancelled(t *testing.T) {
	s, _ := m.fresh(t)
	before := s.Image()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Apply(ctx, metadata.AllocateProducerIDs{Count: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply() with an ended context = %v", err)
	}
	if s.Image() != before {
		t.Error("a command whose context had ended before was applied")
	}
}

func (m metadataSuite) closeUnderLoad(t *testing.T) {
	s, dir := m.fresh(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	acknowledged, enough := uint64(0), make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				got, err := s.Apply(context.Background(), metadata.AllocateProducerIDs{Count: 1})
				if err != nil {
					return
				}
				mu.Lock()
				acknowledged = max(acknowledged, got.Index)
				if got.Index == 20 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(patience):
		t.Fatal("20 commands take too long")
	}
	closeStore(t, s)
	wg.Wait()
	s = m.open(t, dir)
	defer closeStore(t, s)
	if s.Image().Index() < acknowledged {
		t.Errorf("acknowledged was command %d, stored is %d", acknowledged, s.Image().Index())
	}
}

func createTopic(name string, partitions int32) metadata.CreateTopic {
	return metadata.CreateTopic{Name: name, ID: topicID(name), Partitions: partitions, ReplicationFactor: 1}
}

// topicID returns an id made from the topic's name.
func topicID(name string) metadata.TopicID {
	var id metadata.TopicID
	copy(id[:], name)
	binary.BigEndian.PutUint16(id[14:], uint16(len(name))|0x8000)
	return id
}

func mustApply(t *testing.T, s ports.MetadataStore, cmd metadata.Command) metadata.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := s.Apply(ctx, cmd)
	if err != nil {
		t.Fatalf("Apply(%+v) = %v", cmd, err)
	}
	return got
}

func closeStore(t *testing.T, s ports.MetadataStore) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

// dump returns the image in its human-readable form.
func dump(t *testing.T, img *metadata.Image) string {
	t.Helper()
	var text strings.Builder
	if err := metadata.Dump(&text, img); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

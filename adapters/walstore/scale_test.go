package walstore

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// What a store with 100,000 partitions may cost. How long it takes is measured by BenchmarkOpenOf100000Partitions, as
// machines differ and are busy at times.
const (
	heapOfATopic       = 640   // bytes
	heapOfAPartition   = 256   // and for each of its partitions
	openingATopic      = 5_000 // bytes allocated, including short-lived garbage
	openingAPartition  = 400   // and for each of its partitions
	dearerThanInASmall = 2     // times: one more topic in a large store, compared with a small one
)

// shapes are 100,000 partitions, as many topics and as few.
var shapes = []struct{ topics, partitions int }{{100_000, 1}, {1_000, 100}}

// TestAStoreWith100000PartitionsOpensFastAndStaysSmall limits the allocations and the heap that an open large store
// takes. It also limits the work of one more topic, which must not depend on how many there are.
func TestAStoreWith100000PartitionsOpensFastAndStaysSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100,000 topics")
	}
	small := largeStore(t, DefaultSettings(t.TempDir()), 100, 1)
	inSmall := workOfOneMore(t, small)
	closeStore(t, small)
	for _, shape := range shapes {
		t.Run(fmt.Sprintf("%d topics of %d", shape.topics, shape.partitions), func(t *testing.T) {
			set := DefaultSettings(t.TempDir())
			closeStore(t, largeStore(t, set, shape.topics, shape.partitions))
			empty, before := heap(), allocated()
			s := open(t, set)
			defer closeStore(t, s)
			opened := allocated() - before
			topics, partitions := s.Image().Counts()
			used := heap() - empty
			inLarge := workOfOneMore(t, s)
			t.Logf("%d topics, %d partitions: open allocates %.1f MiB, heap %.1f MiB, "+
				"one more topic %d bytes, in a small store %d",
				topics, partitions, float64(opened)/(1<<20), float64(used)/(1<<20), inLarge, inSmall)
			if topics != shape.topics || partitions != shape.topics*shape.partitions {
				t.Errorf("opened with %d topics, %d partitions", topics, partitions)
			}
			if most := uint64(shape.topics*heapOfATopic + partitions*heapOfAPartition); used > most {
				t.Errorf("the store takes %d bytes of the heap, allowed %d", used, most)
			}
			if most := uint64(shape.topics*openingATopic + partitions*openingAPartition); opened > most {
				t.Errorf("opening allocates %d bytes, allowed %d", opened, most)
			}
			if inLarge > dearerThanInASmall*inSmall {
				t.Errorf("one more topic allocates %d bytes, %d in a small store", inLarge, inSmall)
			}
		})
	}
}

// BenchmarkOpenOf100000Partitions measures a start, and the creation of one more topic, snapshots among them.
func BenchmarkOpenOf100000Partitions(b *testing.B) {
	for _, shape := range shapes {
		name := fmt.Sprintf("%d topics of %d", shape.topics, shape.partitions)
		set := DefaultSettings(b.TempDir())
		closeStore(b, largeStore(b, set, shape.topics, shape.partitions))
		b.Run("open "+name, func(b *testing.B) {
			for b.Loop() {
				closeStore(b, open(b, set))
			}
		})
		b.Run("one more of "+name, func(b *testing.B) {
			s := open(b, set)
			defer closeStore(b, s)
			var latencies []time.Duration
			for n := 0; b.Loop(); n++ {
				began := time.Now()
				createMore(b, s, b.N*1_000_000+n)
				latencies = append(latencies, time.Since(began))
			}
			slices.Sort(latencies)
			b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds()), "us-p99")
		})
	}
}

// workOfOneMore returns how many bytes the creation of a topic allocates, at the median: a snapshot is
// written beside some of them.
func workOfOneMore(t *testing.T, s *Store) uint64 {
	t.Helper()
	work := make([]uint64, 300)
	for n := range work {
		before := allocated()
		createMore(t, s, n)
		work[n] = allocated() - before
	}
	slices.Sort(work)
	return work[len(work)/2]
}

func createMore(tb testing.TB, s *Store, n int) {
	tb.Helper()
	_, err := s.Apply(tb.Context(), metadata.CreateTopic{
		Name: fmt.Sprintf("one.more.%d", n), ID: testID(1_000_000 + n), Partitions: 1, ReplicationFactor: 1,
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// allocated returns the bytes that were allocated since the process began.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// largeStore returns a new store with that many topics.
func largeStore(tb testing.TB, set Settings, topics, partitions int) *Store {
	tb.Helper()
	img := new(metadata.Image)
	for n := range topics + 1 {
		var cmd metadata.Command = metadata.RegisterBroker{ID: 1, Incarnation: [16]byte{1}}
		if n > 0 {
			cmd = metadata.CreateTopic{
				Name: fmt.Sprintf("customer-%05d.events-%d", n/10, n%10), ID: testID(n),
				Partitions: int32(partitions), ReplicationFactor: 1,
			}
		}
		next, _, err := metadata.Apply(img, cmd)
		if err != nil {
			tb.Fatal(err)
		}
		img = next
	}
	if err := Import(set, img, discard()); err != nil {
		tb.Fatal(err)
	}
	return open(tb, set)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// testID returns an id as spread as a random one.
func testID(n int) metadata.TopicID {
	var id metadata.TopicID
	binary.BigEndian.PutUint64(id[:], uint64(n)*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(id[8:], uint64(n)+1)
	return id
}

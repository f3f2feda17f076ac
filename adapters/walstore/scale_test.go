package walstore

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// What the issue allows for a store with 100,000 partitions.
const (
	maxOpen   = 3 * time.Second
	maxCreate = 5 * time.Millisecond // one more topic, at p99
)

// TestAStoreWith100000PartitionsOpensFastAndStaysSmall prints how long it takes to open a large
// store, what creating one more topic costs there, and what it all takes of the heap. The limits hold without the race detector.
func TestAStoreWith100000PartitionsOpensFastAndStaysSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100,000 topics")
	}
	for _, shape := range []struct{ topics, partitions int }{{100_000, 1}, {1_000, 100}} {
		t.Run(fmt.Sprintf("%d topics of %d", shape.topics, shape.partitions), func(t *testing.T) {
			set := DefaultSettings(t.TempDir())
			closeStore(t, largeStore(t, set, shape.topics, shape.partitions))
			empty := heap()
			began := time.Now()
			s := open(t, set)
			defer closeStore(t, s)
			opened := time.Since(began)
			topics, partitions := s.Image().Counts()
			used := heap() - empty

			var p99 time.Duration
			for round := range 8 { // the machine may be busy with something else for a while
				if p99 = createMore(t, s, round); p99 <= maxCreate {
					break
				}
			}
			t.Logf("%d topics, %d partitions: open %v, heap %.1f MiB", topics, partitions,
				opened.Round(time.Millisecond), float64(used)/(1<<20))
			if topics != shape.topics || partitions != shape.topics*shape.partitions {
				t.Errorf("opened with %d topics, %d partitions", topics, partitions)
			}
			if raceDetector() {
				return // the times are those of the detector
			}
			if opened > maxOpen {
				t.Errorf("opening took %v, allowed %v", opened, maxOpen)
			}
			if p99 > maxCreate {
				t.Errorf("creating one more topic took %v at p99, allowed %v", p99, maxCreate)
			}
		})
	}
}

// raceDetector reports whether the test runs under the race detector, with which all is several times slower.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// createMore creates topics one by one, a snapshot among them, and returns how long one takes at p99.
func createMore(t *testing.T, s *Store, round int) time.Duration {
	t.Helper()
	latencies := make([]time.Duration, 1500)
	for n := range latencies {
		began := time.Now()
		_, err := s.Apply(t.Context(), metadata.CreateTopic{
			Name: fmt.Sprintf("one.more.%d.%d", round, n), ID: testID(1_000_000*(round+1) + n), Partitions: 1, ReplicationFactor: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		latencies[n] = time.Since(began)
	}
	slices.Sort(latencies)
	p50, p99 := latencies[len(latencies)/2], latencies[len(latencies)*99/100]
	t.Logf("one more topic: p50 %v, p99 %v, max %v", p50, p99, latencies[len(latencies)-1])
	return p99
}

// largeStore returns a new store with that many topics.
func largeStore(t *testing.T, set Settings, topics, partitions int) *Store {
	t.Helper()
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
			t.Fatal(err)
		}
		img = next
	}
	if err := Import(set, img, discard()); err != nil {
		t.Fatal(err)
	}
	return open(t, set)
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

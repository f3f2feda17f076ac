package metadata

import (
	"fmt"
	"testing"
)

// hundredThousand has three brokers and 100,000 partitions on all of them, in topics of so many.
func hundredThousand(tb testing.TB, each int32) *Image {
	tb.Helper()
	img := cluster(tb, 0, RegisterBroker{ID: 1}, RegisterBroker{ID: 2}, RegisterBroker{ID: 3})
	for n := range 100_000 / each {
		next, _, err := Apply(img, CreateTopic{
			Name: fmt.Sprintf("topic-%d", n), ID: TopicID{3, byte(n >> 16), byte(n >> 8), byte(n)}, Partitions: each,
			ReplicationFactor: 3,
		})
		if err != nil {
			tb.Fatal(err)
		}
		img = next
	}
	return img
}

func BenchmarkFenceABrokerOf100000Partitions(b *testing.B) {
	for _, each := range []int32{1, 10, 1000} {
		b.Run(fmt.Sprintf("topics of %d", each), func(b *testing.B) {
			img := hundredThousand(b, each)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Apply(img, FenceBroker{ID: 1, Epoch: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFenceABrokerOf100000Partitions measures the time. A cost that grows faster than the number of partitions
// shows in the allocations, too.
func TestToFenceABrokerCostsWhatItsPartitionsDo(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 100,000 partitions")
	}
	img := hundredThousand(t, 10)
	allocs := testing.AllocsPerRun(1, func() {
		if _, _, err := Apply(img, FenceBroker{ID: 1, Epoch: 1}); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%.1f allocations for each partition", allocs/100_000)
	if allocs > 300_000 {
		t.Errorf("fencing a broker of 100,000 partitions takes %.0f allocations", allocs)
	}
}

//go:build raft

package cluster

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkApply shows how many commands per second a group decides, by its size and the number of clients at its
// leader.
func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1, 3} {
		for _, clients := range []int{2, 64} {
			b.Run(fmt.Sprintf("%d nodes, %d clients", size, clients), func(b *testing.B) {
				c := newCluster(b, b.TempDir(), size, nil)
				if err := c.start(b.Context()); err != nil {
					b.Fatal(err)
				}
				defer c.close()
				b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := c.nodes[0].Apply(b.Context(), oneID); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
			})
		}
	}
}

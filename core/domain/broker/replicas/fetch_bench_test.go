package replicas

import (
	"fmt"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// BenchmarkAPollOfIdlePartitions is one poll of a session of many partitions that have nothing new.
func BenchmarkAPollOfIdlePartitions(b *testing.B) {
	for _, partitions := range []int32{50, 500, 5000} {
		for _, wait := range []time.Duration{0, time.Nanosecond} {
			b.Run(fmt.Sprintf("partitions=%d/wait=%v", partitions, wait), func(b *testing.B) {
				f := newFixture(b)
				f.apply(b, metadata.CreateTopic{
					Name: "many", ID: metadata.TopicID{2}, Partitions: partitions,
					ReplicationFactor: 1,
				})
				open := &FetchRequest{FromFollowers: true, UsesTopicIDs: true, MinBytes: 1, MaxBytes: 1 << 20}
				for i := range partitions {
					open.Partitions = append(open.Partitions, FetchPartition{
						FetchTarget: FetchTarget{TopicID: metadata.TopicID{2}, Partition: i}, MaxBytes: 1 << 20, CurrentLeaderEpoch: -1,
						LastFetchedEpoch: -1,
					})
				}
				id := f.fetch.Fetch(b.Context(), open).SessionID
				epoch := int32(0)
				b.ReportAllocs()
				for b.Loop() {
					epoch = nextSessionEpoch(epoch)
					req := &FetchRequest{
						FromFollowers: true, UsesTopicIDs: true, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: wait,
						SessionID: id, SessionEpoch: epoch,
					}
					if got := f.fetch.Fetch(b.Context(), req); got.Err != nil || len(got.Partitions) > 0 {
						b.Fatalf("answered %v with %d partitions", got.Err, len(got.Partitions))
					}
				}
			})
		}
	}
}

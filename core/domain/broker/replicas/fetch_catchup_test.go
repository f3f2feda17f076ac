package replicas

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestInSyncPartitionsAreSentBeforeThoseThatLag(t *testing.T) {
	const size = 1_000_000
	inRing(t, 4, func(t *testing.T, r *ring) {
		r.create("old-1", 1)
		r.create("old-2", 1)
		r.apply(metadata.CreateTopic{
			Name: "live", ID: metadata.TopicID{9}, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{{1, 4}},
		})
		for _, topic := range []string{"old-1", "old-2"} {
			for range 3 {
				r.broker(1).sent(topic, strings.Repeat("x", size))
			}
		}
		r.isolate(4) // the test fetches in its place
		for _, topic := range []string{"old-1", "old-2"} {
			of, _ := r.store.Image().Topic(topic)
			r.apply(metadata.AlterReassignment{TopicID: of.ID, Replicas: []int32{1, 2, 4}})
		}
		synctest.Wait()
		r.broker(1).send("live", -1, "waited for")
		synctest.Wait()

		for _, c := range []struct {
			topics   []string
			maxBytes int32
			want     []bool // which topics get records
		}{
			{[]string{"old-1", "old-2", "live"}, 1 << 20, []bool{true, false, true}},
			{[]string{"old-1", "live", "old-2"}, 1 << 20, []bool{true, true, false}},
			{[]string{"old-1", "live", "old-2"}, 100, []bool{true, true, false}}, // a batch is larger than that
			{[]string{"old-1", "old-2"}, 100, []bool{true, false}},
			{[]string{"live"}, 1 << 20, []bool{true}},
			{[]string{"old-1", "old-2"}, 1 << 20, []bool{true, true}},
		} {
			resp := r.broker(1).fetch.Fetch(t.Context(), r.fetchOf(4, c.maxBytes, c.topics...))
			var got []bool
			for i := range resp.Partitions {
				if resp.Partitions[i].Err != nil {
					t.Fatal(resp.Partitions[i].Err)
				}
				got = append(got, resp.Partitions[i].Records.Size > 0)
			}
			if resp.Release(); !slices.Equal(got, c.want) {
				t.Errorf("%v of %d bytes: records are in %v, want %v", c.topics, c.maxBytes, got, c.want)
			}
		}
	})
}

// fetchOf is what a follower asks for from offset 0 on.
func (r *ring) fetchOf(follower, maxBytes int32, topics ...string) *FetchRequest {
	req := &FetchRequest{
		MinBytes: 1, MaxBytes: 10 << 20, UsesTopicIDs: true, SessionEpoch: -1,
		Follower: &Follower{ID: follower, Epoch: int64(follower)},
	}
	for _, name := range topics {
		t, _ := r.store.Image().Topic(name)
		req.Partitions = append(req.Partitions, FetchPartition{
			FetchTarget: FetchTarget{TopicID: t.ID}, MaxBytes: maxBytes, CurrentLeaderEpoch: -1, LastFetchedEpoch: -1,
		})
	}
	return req
}

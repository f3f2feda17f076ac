package replicas

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
)

func TestAFollowerTellsOfItsEpochBeforeItRefusesToAnswer(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		time.Sleep(time.Second)
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		time.Sleep(time.Second)
		at := r.at("orders")
		if at.Leader == 1 || at.LeaderEpoch != 1 {
			t.Fatalf("orders-0 is %+v", at)
		}
		for epoch, want := range map[int32][2]fault.Kind{ // of the leader, and of a follower
			-1: {fault.None, fault.NotLeaderOrFollower},
			0:  {fault.FencedLeaderEpoch, fault.FencedLeaderEpoch},
			1:  {fault.None, fault.NotLeaderOrFollower},
			2:  {fault.UnknownLeaderEpoch, fault.UnknownLeaderEpoch},
		} {
			for _, id := range []int32{2, 3} {
				place := 1
				if id == at.Leader {
					place = 0
				}
				offsets := []OffsetQuery{{Topic: "orders", CurrentLeaderEpoch: epoch, Timestamp: LatestTimestamp}}
				r.broker(id).offsets.List(t.Context(), offsets)
				ends := []EpochQuery{{Topic: "orders", CurrentLeaderEpoch: epoch}}
				r.broker(id).offsets.EpochEnds(t.Context(), ends)
				if a, b := fault.KindOf(offsets[0].Err), fault.KindOf(ends[0].Err); a != want[place] || b != want[place] {
					t.Errorf("broker %d in epoch %d: ListOffsets %v, OffsetForLeaderEpoch %v, want %v", id, epoch, a, b, want[place])
				}
			}
		}
	})
}

func TestAnyReplicaIsAskedForItsProducersAndForDebugging(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		time.Sleep(time.Second)
		topic, _ := r.store.Image().Topic("orders")
		leader := r.brokers[topic.Partitions[0].Leader-1]
		answer := make(chan error, 1)
		req := &ProduceRequest{Acks: -1, Timeout: time.Minute, Parse: parseProduced}
		b := newBatch(t, record.Options{Producer: &record.Producer{ID: 7, Epoch: 1}}, "a", "b")
		req.Partitions = []ProducePartition{{Topic: "orders", Records: b}}
		req.Done = func() { answer <- req.Partitions[0].Err }
		leader.produce.Produce(t.Context(), req)
		if _, err := answered(t, answer); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for _, b := range r.brokers {
			producers, err := b.partitions.Producers(t.Context(), "orders", 0)
			if err != nil || len(producers) != 1 || producers[0].ID != 7 {
				t.Errorf("broker %d: producers %+v, %v", b.id, producers, err)
			}
			q := []OffsetQuery{{Topic: "orders", CurrentLeaderEpoch: -1, Timestamp: LatestTimestamp, AnyReplica: true}}
			b.offsets.List(t.Context(), q)
			if q[0].Err != nil || q[0].Offset != 2 {
				t.Errorf("broker %d: the end is %d, %v", b.id, q[0].Offset, q[0].Err)
			}
			q[0].CurrentLeaderEpoch = 9
			if b.offsets.List(t.Context(), q); !errors.Is(q[0].Err, fault.UnknownLeaderEpoch) {
				t.Errorf("broker %d, in a later epoch: %v", b.id, q[0].Err)
			}
		}
	})
}

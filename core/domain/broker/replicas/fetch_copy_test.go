package replicas

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// read is one fetch of a consumer that names its rack, of "orders" from offset on.
func (b *ringBroker) read(rack string, offset int64, changes ...func(*FetchRequest)) FetchedPartition {
	b.t.Helper()
	req := ask(offset)
	req.Rack = rack
	for _, change := range changes {
		change(req)
	}
	resp := b.fetch.Fetch(b.t.Context(), req)
	defer resp.Release()
	if resp.Err != nil || len(resp.Partitions) != 1 {
		b.t.Fatalf("answered %+v", resp)
	}
	return resp.Partitions[0]
}

func leaderOnly(r *FetchRequest) { r.FromFollowers = false }
func inEpoch(epoch int32) func(*FetchRequest) {
	return func(r *FetchRequest) { r.Partitions[0].CurrentLeaderEpoch = epoch }
}
func waiting(r *FetchRequest) { r.MaxWait = time.Hour }

func TestAConsumerIsSentToAReplicaInItsRack(t *testing.T) {
	inRacks(t, []string{"a", "b", "b"}, func(t *testing.T, r *ring) {
		leader := r.broker(1)
		sentTo := func(want int32, rack string, offset int64, changes ...func(*FetchRequest)) {
			t.Helper()
			got := leader.read(rack, offset, changes...)
			if got.Err != nil || got.PreferredReadReplica != want || want >= 0 && got.Records.Size > 0 || got.HighWatermark < 1 {
				t.Errorf("rack %q at %d: %+v, want broker %d", rack, offset, got, want)
			}
		}
		leader.sent("orders", "a")
		time.Sleep(time.Second) // the followers have fetched again
		sentTo(3, "b", 0)
		sentTo(3, "b", 0, waiting)
		sentTo(-1, "b", 0, leaderOnly)
		sentTo(-1, "a", 0)
		sentTo(-1, "c", 0)
		sentTo(-1, "", 0)
		if got := leader.read("b", 5); !errors.Is(got.Err, fault.OffsetOutOfRange) {
			t.Errorf("beyond the log's end: %+v", got)
		}

		r.broker(3).logs.Hold()
		if _, err := answered(t, leader.send("orders", 1, "b")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		sentTo(2, "b", 1) // has more than broker 3
		r.broker(3).logs.Release()
		time.Sleep(time.Second)
		if err := r.broker(3).replica().log.AdvanceStart(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		sentTo(2, "b", 0) // broker 3 has deleted it
		sentTo(3, "b", 1)
		r.apply(metadata.FenceBroker{ID: 3, Epoch: 3})
		time.Sleep(time.Second)
		sentTo(2, "b", 1)
		r.apply(metadata.FenceBroker{ID: 2, Epoch: 2})
		time.Sleep(time.Second)
		sentTo(-1, "b", 1)
	})
}

func TestConsumersReadFromTheLeaderUnlessConfigsSayOtherwise(t *testing.T) {
	inRacks(t, []string{"a", "b", "b"}, func(t *testing.T, r *ring) {
		b, configs := *r.broker(1), *r.broker(1).configs // the others go on to fetch from the original
		configs.texts = nil
		b.fetch = NewFetch(b.partitions, &configs, 1<<20, time.Now)
		b.sent("orders", "a")
		time.Sleep(time.Second)
		if got := b.read("b", 0); got.PreferredReadReplica != -1 || got.Records.Size == 0 {
			t.Errorf("answered %+v", got)
		}
	})
}

func TestAFollowerServesWhatItKnowsToBeCommitted(t *testing.T) {
	inRacks(t, []string{"a", "b", "b", "b"}, func(t *testing.T, r *ring) {
		follower := r.broker(2)
		r.broker(1).sent("orders", "a")
		time.Sleep(time.Second)
		r.broker(3).logs.Hold()
		if _, err := answered(t, r.broker(1).send("orders", 1, "b")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if end := follower.replica().log.EndOffset(); end != 2 {
			t.Fatalf("the follower's log ends at %d", end)
		}
		at := r.at("orders")
		leader := &LeaderHint{Leader: 1, LeaderEpoch: at.LeaderEpoch}
		for _, c := range []struct {
			name   string
			broker int32
			offset int64
			change func(*FetchRequest)
			want   fault.Kind
			hint   *LeaderHint
			some   bool // there are records
		}{
			{name: "committed", broker: 2, change: inEpoch(at.LeaderEpoch), some: true},
			{name: "not committed", broker: 2, offset: 1},
			{name: "above what is not committed", broker: 2, offset: 2},
			{name: "beyond the follower's log", broker: 2, offset: 3, want: fault.OffsetNotAvailable},
			{name: "in an older version", broker: 2, change: leaderOnly, want: fault.NotLeaderOrFollower, hint: leader},
			{
				name: "in a newer epoch", broker: 2, change: inEpoch(at.LeaderEpoch + 1), want: fault.UnknownLeaderEpoch,
				hint: leader,
			},
			{name: "no replica", broker: 4, want: fault.NotLeaderOrFollower, hint: leader},
		} {
			change := c.change
			if change == nil {
				change = func(*FetchRequest) {}
			}
			got := r.broker(c.broker).read("b", c.offset, change)
			failed := got.Err != nil
			if failed != (c.want != 0) || failed && fault.KindOf(got.Err) != c.want || c.some != (got.Records.Size > 0) {
				t.Errorf("%s: answered %+v", c.name, got)
			}
			if !failed && (got.HighWatermark != 1 || got.LastStableOffset != 1 || got.LogStartOffset != 0 ||
				got.PreferredReadReplica != -1) {
				t.Errorf("%s: answered %+v", c.name, got)
			}
			if diff := cmp.Diff(c.hint, got.Leader); diff != "" {
				t.Errorf("%s: the leader (-want +got): %s", c.name, diff)
			}
		}
		if err := follower.replica().log.AdvanceStart(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if got := follower.read("b", 0); !errors.Is(got.Err, fault.OffsetOutOfRange) {
			t.Errorf("below the log's start: %+v", got)
		}
		r.isolate(2)
		time.Sleep(ringSession)
		if got := follower.read("b", 1); !errors.Is(got.Err, fault.NotLeaderOrFollower) {
			t.Errorf("without lease: %+v", got)
		}
	})
}

func TestAReaderAtAFollowerIsToldWhereItsHistoryDiverges(t *testing.T) {
	inRacks(t, []string{"a", "b", "b"}, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		r.broker(2).sent("orders", "b")
		r.broker(2).sent("orders", "c")
		time.Sleep(time.Second)
		got := r.broker(3).read("b", 2,
			func(req *FetchRequest) { req.Partitions[0].LastFetchedEpoch = r.at("orders").LeaderEpoch - 1 })
		if diff := cmp.Diff(&EpochEndOffset{Epoch: r.at("orders").LeaderEpoch - 1, EndOffset: 1},
			got.Diverging); diff != "" || got.Records.Size > 0 {
			t.Errorf("answered %+v (-want +got): %s", got, diff)
		}
	})
}

func TestAPollAtAFollowerEndsWhenTheRecordIsCommitted(t *testing.T) {
	inRacks(t, []string{"a", "b", "b"}, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		time.Sleep(1200 * time.Millisecond)
		poll := func(offset int64) <-chan FetchedPartition {
			answer := make(chan FetchedPartition, 1)
			go func() { answer <- r.broker(2).read("b", offset, waiting, inEpoch(r.at("orders").LeaderEpoch)) }()
			time.Sleep(100 * time.Millisecond)
			return answer
		}
		answer, began := poll(1), time.Now()
		r.broker(1).sent("orders", "b")
		if got := <-answer; got.Err != nil || got.Records.Size == 0 || got.HighWatermark != 2 ||
			time.Since(began) > 200*time.Millisecond {
			t.Errorf("answered %+v after %v", got, time.Since(began))
		}
		answer = poll(2)
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		if got := <-answer; !errors.Is(got.Err, fault.FencedLeaderEpoch) {
			t.Errorf("after an election: %+v", got)
		}
	})
}

func TestConsumersOfFollowersDoNotSpin(t *testing.T) {
	inRacks(t, []string{"a", "b", "b"}, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		time.Sleep(time.Second)
		before := r.fetches(1)
		began := time.Now()
		got := r.broker(2).read("b", 1, func(req *FetchRequest) { req.MaxWait = 10 * time.Second })
		if waited := time.Since(began); got.Err != nil || waited != 10*time.Second {
			t.Errorf("answered %+v after %v", got, waited)
		}
		if n := r.fetches(1) - before; n > 2*20+2 {
			t.Errorf("two followers have fetched %d times in 10 s of silence", n)
		}
	})
}

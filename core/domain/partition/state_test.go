package partition

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// history returns batches of three producers, two of them with transactions, of which one stays open.
func history(t *testing.T) []record.Batch {
	t.Helper()
	var all []record.Batch
	add := func(b record.Batch) {
		end := int64(0)
		if n := len(all); n > 0 {
			end = all[n-1].NextOffset()
		}
		b.SetBaseOffset(end)
		all = append(all, b)
	}
	for i := range int32(7) {
		add(batch(1, 0, 2*i, 2, false))
	}
	add(batch(2, 0, 0, 1, true))
	add(batch(3, 0, 0, 2, true))
	add(record.EndTxn{CoordinatorEpoch: 4}.Batch(2, 0, 2000))
	add(batch(3, 0, 2, 1, true))
	return all
}

// known returns a state without the times of appends, which a replay does not know.
func known(s *State) (producers []Producer, open int64) {
	for p := range s.Snapshot() {
		p.LastTimestamp = 0
		producers = append(producers, p)
	}
	slices.SortFunc(producers, func(a, b Producer) int { return int(a.ID - b.ID) })
	open, _ = s.Producers.FirstOpenTxn()
	return producers, open
}

func TestAReplayMakesTheStateThatTheAppendsHaveMade(t *testing.T) {
	all := history(t)
	var appended State
	var snapshots [][]Producer // before each batch, and at the end
	snapshot := func() { snapshots = append(snapshots, slices.Collect(appended.Snapshot())) }
	var ended []EndedTxn
	for _, b := range all {
		snapshot()
		if txn, ok := appended.Append(b, time.Now().UnixMilli()); ok {
			ended = append(ended, txn)
		}
	}
	snapshot()
	want, wantOpen := known(&appended)
	if want := []EndedTxn{{
		ProducerID: 2, FirstOffset: 14, LastOffset: 17, Aborted: true,
		LastStable: 15,
	}}; !slices.Equal(ended, want) {
		t.Errorf("ended transactions %+v, want %+v", ended, want)
	}
	for at, from := range snapshots {
		var replayed State
		replayed.Restore(slices.Values(from))
		var again []EndedTxn
		for _, b := range all[at:] {
			if txn, ok := replayed.Append(b, 9000); ok {
				again = append(again, txn)
			}
		}
		got, open := known(&replayed)
		if diff := cmp.Diff(want, got); diff != "" || open != wantOpen {
			t.Errorf("from the snapshot before batch %d: open from %d, want %d (-want +got):\n%s", at, open, wantOpen, diff)
		}
		if at <= 9 && !slices.Equal(again, ended) {
			t.Errorf("from the snapshot before batch %d: ended transactions %+v, want %+v", at, again, ended)
		}
	}
}

func TestLeaderEpochsAreHandedOverOnce(t *testing.T) {
	var s State
	found := []EpochStart{{Epoch: 1, Start: 0}}
	s.RestoreEpochs(found)
	if got := s.TakeEpochs(); !slices.Equal(got, found) {
		t.Errorf("taken are %v, want %v", got, found)
	}
	if got := s.TakeEpochs(); got != nil {
		t.Errorf("taken again are %v", got)
	}
}

func TestTheFirstBatchOfALeaderEpochIsKnown(t *testing.T) {
	r := NewReplica(1, 1, ReplicaSettings{MinInSync: 1}, nil,
		LogState{End: 5, Durable: 5, Epochs: []EpochStart{{Epoch: 2, Start: 0}}}, 0)
	r.Install(View{Leader: 1, LeaderEpoch: 4, Version: 1, Replicas: []int32{1}, ISR: []int32{1}, BrokerEpoch: 1}, 0)
	for _, c := range []struct {
		base, end int64
		epoch     int32
		begins    bool
	}{{5, 8, 4, true}, {8, 9, 4, false}, {9, 12, 5, true}, {12, 13, 5, false}} {
		if got := r.Appended(c.base, c.end, c.epoch); got != c.begins {
			t.Errorf("the batch at %d of epoch %d begins it: %t, want %t", c.base, c.epoch, got, c.begins)
		}
	}
	if diff := cmp.Diff([]EpochStart{{2, 0}, {4, 5}, {5, 9}}, r.Epochs()); diff != "" {
		t.Errorf("epochs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]EpochStart{{2, 0}, {4, 5}}, r.EpochsBelow(9)); diff != "" {
		t.Errorf("epochs of a log that ends at 9 (-want +got):\n%s", diff)
	}
}

func TestAReplicaThatIsOpenedForgetsTheEpochsThatWereDeleted(t *testing.T) {
	log := LogState{Start: 7, End: 9, Durable: 9, Epochs: []EpochStart{
		{Epoch: 1, Start: 0},
		{Epoch: 2, Start: 3},
		{Epoch: 5, Start: 8},
	}}
	r := NewReplica(1, 1, ReplicaSettings{MinInSync: 1}, nil, log, 0)
	if diff := cmp.Diff([]EpochStart{{2, 7}, {5, 8}}, r.Epochs()); diff != "" {
		t.Errorf("epochs (-want +got):\n%s", diff)
	}
}

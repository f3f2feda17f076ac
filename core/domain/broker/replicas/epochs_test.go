package replicas

import "testing"

func TestEmptyLogKnowsItsLeaderEpoch(t *testing.T) {
	f := newFixture(t)
	start := []OffsetQuery{{Topic: "orders", CurrentLeaderEpoch: -1, Timestamp: EarliestTimestamp}}
	f.offsets.List(t.Context(), start)
	if got := start[0]; got.Err != nil || got.Offset != 0 || got.LeaderEpoch != 0 {
		t.Errorf("the start of an empty log is %d in epoch %d, %v", got.Offset, got.LeaderEpoch, got.Err)
	}
	end := []EpochQuery{{Topic: "orders", CurrentLeaderEpoch: -1, Epoch: 0}}
	f.offsets.EpochEnds(t.Context(), end)
	if got := end[0]; got.Err != nil || got.FoundEpoch != 0 || got.EndOffset != 0 {
		t.Errorf("epoch %d of an empty log ends at %d, %v", got.FoundEpoch, got.EndOffset, got.Err)
	}
}

package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheLeaderKnowsHowFarTheOthersAre(t *testing.T) {
	q := NewQuorumProgress(&Controller{clock: func() time.Time { return time.UnixMilli(5000) }})
	q.note(2, 10, 10, 1000) // it has all
	q.note(2, 12, 15, 1200) // it has all that there was at 1000
	q.note(3, 5, 10, 1000)  // it has never had all
	q.note(3, 8, 20, 1200)
	q.note(4, 10, 10, 1000)
	q.note(4, 10, 30, 1200)
	q.note(4, 10, 40, 1400) // it falls behind
	got := QuorumDescription{
		Leader: 1, HighWatermark: 41,
		Voters: []QuorumReplica{
			{Node: 1},
			{Node: 2},
			{Node: 3},
			{Node: 9, LogEndOffset: -1, LastFetch: -1, LastCaughtUp: -1},
		},
		Observers: []QuorumReplica{{Node: 4}},
	}
	q.Describe(&got)
	want := QuorumDescription{
		Leader: 1, HighWatermark: 41,
		Voters: []QuorumReplica{
			{Node: 1, LogEndOffset: 41, LastFetch: 5000, LastCaughtUp: 5000},
			{Node: 2, LogEndOffset: 12, LastFetch: 1200, LastCaughtUp: 1000},
			{Node: 3, LogEndOffset: 8, LastFetch: 1200, LastCaughtUp: -1},
			{Node: 9, LogEndOffset: -1, LastFetch: -1, LastCaughtUp: -1},
		},
		Observers: []QuorumReplica{{Node: 4, LogEndOffset: 10, LastFetch: 1400, LastCaughtUp: 1000}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("described (-want +got):\n%s", diff)
	}
}

package partition

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

func TestTheHighWatermarkIsTheLeastDurableEndInTheISRAndNeverFalls(t *testing.T) {
	r := testLeader(1, 2, 3)
	r.Appended(100, 130, 5)
	fetchFrom(t, r, 2, 100, 0)
	fetchFrom(t, r, 3, 100, 0)
	wantHighWatermark(t, r, 100)
	if fx := r.Durable(120, 0); fx.Raised {
		t.Errorf("raised before the followers have it: %+v", fx)
	}
	if reply := fetchFrom(t, r, 2, 120, 0); reply.Raised {
		t.Errorf("raised before 3 has it: %+v", reply)
	}
	if reply := fetchFrom(t, r, 3, 110, 0); !reply.Raised || reply.HighWatermark != 110 {
		t.Errorf("all have 110: %+v", reply)
	}
	fetchFrom(t, r, 3, 105, 0) // an older fetch that comes late
	wantHighWatermark(t, r, 110)
	fetchFrom(t, r, 2, 130, 0)
	fetchFrom(t, r, 3, 130, 0)
	wantHighWatermark(t, r, 120) // limited by what is on the leader's own disk
}

// Between two epochs of one leader there may have been another leader, which a follower's log was truncated for.
func TestWhatFollowersHadInAnEarlierEpochDoesNotCount(t *testing.T) {
	r := testLeader(1, 2, 3)
	appendTo(r, 110, 0)
	fetchFrom(t, r, 2, 110, 0)
	fetchFrom(t, r, 3, 100, 0)
	r.Install(testView(1, 1, 7, 9, 1, 2), 0)
	wantHighWatermark(t, r, 100)
	fetchFrom(t, r, 2, 110, 0)
	wantHighWatermark(t, r, 110)
}

func TestFollowersGetWhatIsDurableOnTheLeader(t *testing.T) {
	r := testLeader(1, 2)
	r.Appended(100, 130, 5)
	if reply := fetchFrom(t, r, 2, 100, 0); reply.End != 100 {
		t.Errorf("may read to %d, durable is 100", reply.End)
	}
	r.Durable(120, 0)
	if reply := fetchFrom(t, r, 2, 100, 0); reply.End != 120 {
		t.Errorf("may read to %d, durable is 120", reply.End)
	}
}

func TestAShrinkCountsWhenItIsCommitted(t *testing.T) {
	r := testLeader(1, 2, 3)
	late := testLag + time.Second
	appendTo(r, 110, late)
	fetchFrom(t, r, 2, 110, late)
	if fx := r.Tick(late); !fx.Propose {
		t.Fatalf("3 lags: %+v", fx)
	}
	p, ok := r.Propose(late, anyone)
	want := Proposal{LeaderEpoch: 5, Version: 7, ISR: []Member{{1, 10}, {2, 20}}}
	if diff := cmp.Diff(want, p); !ok || diff != "" {
		t.Fatalf("proposal (-want +got): %s", diff)
	}
	r.Tick(late)
	wantHighWatermark(t, r, 0)
	if fx := r.Install(testView(1, 1, 5, 8, 1, 2), late); !fx.Raised || fx.HighWatermark != 110 {
		t.Errorf("after the change: %+v", fx)
	}
}

func TestAGrowthCountsFromTheRequestOn(t *testing.T) {
	r := testLeader(1)
	wantHighWatermark(t, r, 100)
	if reply := fetchFrom(t, r, 2, 100, 0); !reply.Propose {
		t.Fatalf("2 has caught up: %+v", reply)
	}
	p, ok := r.Propose(0, anyone)
	if want := (Proposal{LeaderEpoch: 5, Version: 7, ISR: []Member{{1, 10}, {2, 20}}}); !ok || !cmp.Equal(want, p) {
		t.Fatalf("proposal %+v, want %+v", p, want)
	}
	appendTo(r, 110, 2*testLag)
	wantHighWatermark(t, r, 100)
	fetchFrom(t, r, 2, 110, 2*testLag)
	wantHighWatermark(t, r, 110)
	if fx := r.Install(testView(1, 1, 5, 8, 1, 2), 2*testLag); fx.Propose {
		t.Error("the change is committed, and nothing is left to propose")
	}
}

// A refusal says that one copy of the proposal has failed, not that there is no other copy.
func TestARefusedGrowthCountsUntilTheVersionRises(t *testing.T) {
	r := testLeader(1)
	fetchFrom(t, r, 2, 100, 0)
	p, _ := r.Propose(0, anyone)
	r.ProposalFailed(p)
	late := 2 * testLag
	appendTo(r, 110, late)
	wantHighWatermark(t, r, 100)
	if fx := r.Tick(late); !fx.Propose {
		t.Fatal("the proposal is not outbid")
	}
	p, ok := r.Propose(late, anyone)
	if want := (Proposal{LeaderEpoch: 5, Version: 7, ISR: []Member{{1, 10}}}); !ok || !cmp.Equal(want, p) {
		t.Fatalf("proposal %+v, want %+v", p, want)
	}
	wantHighWatermark(t, r, 100)
	r.Install(testView(1, 1, 5, 8, 1), late)
	wantHighWatermark(t, r, 110)
}

func TestOneProposalIsOnItsWayAtATime(t *testing.T) {
	r := testLeader(1)
	fetchFrom(t, r, 2, 100, 0)
	first, _ := r.Propose(0, anyone)
	if reply := fetchFrom(t, r, 3, 100, 0); reply.Propose {
		t.Error("asks for a second one")
	}
	if _, ok := r.Propose(0, anyone); ok {
		t.Error("makes a second one")
	}
	r.Install(testView(1, 1, 5, 8, 1, 2), 0)
	fetchFrom(t, r, 3, 100, 0)
	if _, ok := r.Propose(0, anyone); !ok {
		t.Error("makes none after the first was decided")
	}
	r.ProposalFailed(first) // late news of the first
	if _, ok := r.Propose(0, anyone); ok {
		t.Error("the failure of an old proposal ends the new one")
	}
}

func TestAFollowerJoinsAtTheHighWatermarkAndTheEpochsStart(t *testing.T) {
	r := testLeader(1, 2)
	if reply := fetchFrom(t, r, 3, 99, 0); reply.Propose {
		t.Errorf("joins below the epoch's start, where what was committed is not known: %+v", reply)
	}
	fetchFrom(t, r, 3, 100, 0)
	if reply := fetchFrom(t, r, 3, 99, 0); reply.Propose {
		t.Errorf("joins by an older fetch below the epoch's start: %+v", reply)
	}
	appendTo(r, 120, 0)
	fetchFrom(t, r, 3, 120, 0)
	fetchFrom(t, r, 2, 110, 0)
	wantHighWatermark(t, r, 110)
	r.Durable(120, 0)
	if reply := fetchFrom(t, r, 3, 109, 0); reply.Propose {
		t.Errorf("joins below the high watermark: %+v", reply)
	}
	if reply := fetchFrom(t, r, 3, 120, 0); !reply.Propose {
		t.Errorf("does not join: %+v", reply)
	}
}

func TestAMemberThatIsAboutToJoinIsWaitedFor(t *testing.T) {
	r := testLeader(1)
	fetchFrom(t, r, 2, 100, 0)
	appendTo(r, 110, time.Second)
	wantHighWatermark(t, r, 100)
	if _, ok := r.Propose(time.Second, func(int32, int64) bool { return false }); ok {
		t.Error("proposes a broker that is not eligible")
	}
	r.Tick(time.Second)
	wantHighWatermark(t, r, 110)
}

func TestAFollowerThatLagsIsProposedOutAndOneThatHasEverythingStays(t *testing.T) {
	r := testLeader(1, 2, 3)
	fetchFrom(t, r, 2, 100, time.Second)
	late := time.Second + 2*testLag
	p, ok := r.Propose(late, anyone)
	if want := []Member{{1, 10}, {2, 20}}; !ok || !cmp.Equal(want, p.ISR) {
		t.Errorf("ISR %+v, want %+v", p.ISR, want)
	}
}

func TestAFollowerThatHasWhatTheLeaderHadAtTheFetchBeforeKeepsUp(t *testing.T) {
	r := testLeader(1, 2)
	fetchFrom(t, r, 2, 100, 0)
	for i := range 30 {
		now := time.Duration(i+1) * time.Second
		had := r.end
		appendTo(r, had+10, now)
		fetchFrom(t, r, 2, had, now)
		if fx := r.Tick(now); fx.Propose {
			t.Fatalf("after %v: proposed out", now)
		}
	}
}

func TestANewLeaderShowsNothingBeforeItsEpochsStartIsCommitted(t *testing.T) {
	r := testLeader(1, 2)
	if _, err := r.Readable(0); !errors.Is(err, fault.OffsetNotAvailable) {
		t.Errorf("readable: %v", err)
	}
	appendTo(r, 110, 0)
	fetchFrom(t, r, 2, 99, 0)
	if _, err := r.Readable(0); !errors.Is(err, fault.OffsetNotAvailable) {
		t.Errorf("readable at 99: %v", err)
	}
	fetchFrom(t, r, 2, 100, 0)
	if end, err := r.Readable(0); end != 100 || err != nil {
		t.Errorf("readable %d, %v", end, err)
	}
}

func TestAcksAllNeedsEnoughInSyncReplicas(t *testing.T) {
	r := testLeader(1, 2)
	if err := errors.Join(r.Admit(-1, 0), r.Replicated()); err != nil {
		t.Errorf("two of two: %v", err)
	}
	r.Install(testView(1, 1, 5, 8, 1), 0)
	if err := r.Admit(-1, 0); !errors.Is(err, fault.NotEnoughReplicas) {
		t.Errorf("before the append: %v", err)
	}
	if err := r.Replicated(); !errors.Is(err, fault.NotEnoughReplicasAfterAppend) {
		t.Errorf("after the append: %v", err)
	}
	if err := r.Admit(1, 0); err != nil {
		t.Errorf("acks 1: %v", err)
	}
	// A member that is only proposed does not count: metadata may refuse it.
	fetchFrom(t, r, 2, 100, 0)
	r.Propose(0, anyone)
	if err := r.Admit(-1, 0); !errors.Is(err, fault.NotEnoughReplicas) {
		t.Errorf("with a proposal on its way: %v", err)
	}
}

func TestAFetchOfAnOlderIncarnationAcknowledgesNothing(t *testing.T) {
	r := testLeader(1, 2)
	appendTo(r, 110, 0)
	// restarted: it has lost what it fetched
	f := FollowerFetch{Replica: 2, BrokerEpoch: 21, LeaderEpoch: 5, Offset: 100, LastEpoch: 4}
	if _, err := r.FollowerFetched(f, 0); err != nil {
		t.Fatal(err)
	}
	f = FollowerFetch{Replica: 2, BrokerEpoch: 20, LeaderEpoch: 5, Offset: 110, LastEpoch: 5}
	if _, err := r.FollowerFetched(f, 0); !errors.Is(err, fault.StaleBrokerEpoch) {
		t.Errorf("the fetch of an older incarnation: %v", err)
	}
	wantHighWatermark(t, r, 100)
}

func TestWhatAnEarlierIncarnationHadDoesNotCount(t *testing.T) {
	r := testLeader(1, 2)
	r.Appended(100, 110, 5)
	r.Durable(105, 0)
	fetchFrom(t, r, 2, 110, 0)
	wantHighWatermark(t, r, 105)
	f := FollowerFetch{Replica: 2, BrokerEpoch: 21, LeaderEpoch: 5, Offset: 90, LastEpoch: 3}
	if reply, err := r.FollowerFetched(f, 0); err != nil || !reply.Diverging {
		t.Fatalf("%+v, %v", reply, err)
	}
	r.Durable(110, 0)
	wantHighWatermark(t, r, 105)
}

func TestAReplicaOutsideOfTheISRHasToFetchAgainAfterEachChange(t *testing.T) {
	r := testLeader(1, 2)
	fetchFrom(t, r, 2, 100, 0)
	fetchFrom(t, r, 3, 100, 0)
	r.Install(testView(1, 1, 5, 8, 1, 2), 0) // it may have been removed and added again meanwhile
	if p, ok := r.Propose(0, anyone); ok {
		t.Errorf("proposes %+v by what 3 had before", p)
	}
	fetchFrom(t, r, 3, 100, 0)
	if _, ok := r.Propose(0, anyone); !ok {
		t.Error("does not propose 3 by its new fetch")
	}
}

func TestAFollowerWhoseLastEpochTheLeaderHasDeletedResetsItsLog(t *testing.T) {
	r := testLeader(1, 2)
	r.Started(60, 0) // epoch 4 began at 50: nothing of epoch 3 is left
	f := FollowerFetch{Replica: 3, BrokerEpoch: 30, LeaderEpoch: 5, Offset: 60, LastEpoch: 3}
	if _, err := r.FollowerFetched(f, 0); !errors.Is(err, fault.OffsetOutOfRange) {
		t.Errorf("a log that nobody can compare: %v", err)
	}
	f = FollowerFetch{Replica: 3, BrokerEpoch: 30, LeaderEpoch: 5, Offset: 59, LastEpoch: -1}
	if _, err := r.FollowerFetched(f, 0); !errors.Is(err, fault.OffsetOutOfRange) {
		t.Errorf("below the log start offset: %v", err)
	}
	f = FollowerFetch{Replica: 2, BrokerEpoch: 20, LeaderEpoch: 5, Offset: 60, LastEpoch: 3}
	if reply, err := r.FollowerFetched(f, 0); err != nil || reply.Diverging {
		t.Errorf("a member of the ISR is known to hold what was committed: %+v, %v", reply, err)
	}
}

func TestWhatAFollowerIsKnownToHaveCountsWhileItIsInSync(t *testing.T) {
	r := testLeader(1, 2)
	known := func(id int32) int64 { end, _ := r.InSync(id); return end }
	if known(2) != -1 {
		t.Errorf("%d before the first fetch", known(2))
	}
	appendTo(r, 130, 0)
	fetchFrom(t, r, 2, 120, 0)
	fetchFrom(t, r, 3, 130, 0)
	if known(2) != 120 || known(3) != -1 || known(1) != -1 || known(7) != -1 {
		t.Errorf("of 2 in the ISR %d, of 3 outside of it %d, of the leader %d, of a stranger %d", known(2), known(3),
			known(1), known(7))
	}
	r.Install(testView(1, 1, 5, 8, 1), 0)
	if end, ok := r.InSync(2); ok || end != -1 {
		t.Errorf("%d after it has left the ISR", end)
	}
}

func TestAFollowerIsBehindUntilItFetchesAfterTheHighWatermarkHasRisen(t *testing.T) {
	r := testLeader(1, 2, 3)
	appendTo(r, 110, 0)
	fetchFrom(t, r, 2, 110, 0)
	if r.Behind(2) {
		t.Error("behind without a rise")
	}
	if reply := fetchFrom(t, r, 3, 110, 0); !reply.Behind || r.Behind(3) {
		t.Errorf("its fetch raises the high watermark: %+v, and then it is behind: %v", reply, r.Behind(3))
	}
	if !r.Behind(2) || r.Behind(7) {
		t.Errorf("behind: 2 %v, a stranger %v", r.Behind(2), r.Behind(7))
	}
	if reply := fetchFrom(t, r, 2, 110, 0); !reply.Behind {
		t.Errorf("the answer brings the news: %+v", reply)
	}
	if reply := fetchFrom(t, r, 2, 110, 0); reply.Behind || r.Behind(2) {
		t.Errorf("the next brings none: %+v", reply)
	}
}

func TestAFollowerIsInSyncAsLongAsTheHighWatermarkWaitsForIt(t *testing.T) {
	r := testLeader(1, 3)
	if reply := fetchFrom(t, r, 3, 50, 0); !reply.InSync {
		t.Error("a member of the ISR is not in sync")
	}
	if reply := fetchFrom(t, r, 2, 50, 0); reply.InSync {
		t.Error("one that has never caught up is in sync")
	}
	fetchFrom(t, r, 3, 100, 0)
	if reply := fetchFrom(t, r, 2, 100, 0); !reply.InSync {
		t.Error("one that has caught up is not in sync")
	}
	appendTo(r, 200, 0)
	if reply := fetchFrom(t, r, 2, 150, testLag); !reply.InSync {
		t.Error("one that had caught up not long ago is not in sync")
	}
	fetchFrom(t, r, 3, 200, testLag)
	wantHighWatermark(t, r, 150)
	appendTo(r, 300, testLag)
	if reply := fetchFrom(t, r, 2, 160, 3*testLag); reply.InSync {
		t.Error("one that had caught up long ago is in sync")
	}
}

package partition

import (
	"errors"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// testFollower returns broker 2 in epoch 5 of leader 1, with 100 durable records of epochs 3 (from 0) and 4 (from 50).
func testFollower() *Replica {
	r := testReplica(2, nil, LogState{End: 100, Durable: 100, Epochs: []EpochStart{{Epoch: 3}, {Epoch: 4, Start: 50}}})
	r.Install(testView(2, 1, 5, 7, 1, 2, 3), 0)
	return r
}

// nextFetch returns the follower's next fetch. There must be one.
func nextFetch(t *testing.T, r *Replica) FollowerFetch {
	t.Helper()
	_, f, ok := r.NextFetch()
	if !ok {
		t.Fatal("the follower asks nothing")
	}
	return f
}

func TestAFollowerAsksBehindWhatIsDurable(t *testing.T) {
	r := testFollower()
	want := FollowerFetch{Replica: 2, BrokerEpoch: 20, LeaderEpoch: 5, Offset: 100, LastEpoch: 4}
	leader, f, ok := r.NextFetch()
	if leader != 1 || f != want || !ok {
		t.Errorf("fetch %+v from %d (%v), want %+v from 1", f, leader, ok, want)
	}
	r.FetchAnswered(FetchAnswer{To: f}, 0)
	r.Appended(100, 110, 5)
	if _, f, ok := r.NextFetch(); ok {
		t.Errorf("asks %+v, which acknowledges what is not durable", f)
	}
	if fx := r.Durable(110, 0); !fx.Fetch {
		t.Errorf("effects %+v", fx)
	}
	if f := nextFetch(t, r); f.Offset != 110 || f.LastEpoch != 5 {
		t.Errorf("asks %+v", f)
	}
}

func TestAFollowersHighWatermarkIsTheLeadersAsFarAsItsOwnLogIsDurable(t *testing.T) {
	r := testFollower()
	fx := r.FetchAnswered(FetchAnswer{To: nextFetch(t, r), HighWatermark: 105}, 0)
	if !fx.Append || !fx.Raised || fx.HighWatermark != 100 {
		t.Errorf("effects %+v", fx)
	}
	r.Appended(100, 110, 5)
	r.Tick(0)
	wantHighWatermark(t, r, 100)
	r.Durable(110, 0)
	wantHighWatermark(t, r, 105)
	r.FetchAnswered(FetchAnswer{To: nextFetch(t, r), HighWatermark: 60}, 0) // a new leader's
	wantHighWatermark(t, r, 105)
}

func TestAnAnswerToAnotherFetchIsIgnored(t *testing.T) {
	r := testFollower()
	f := nextFetch(t, r)
	for _, change := range []func(*FollowerFetch){
		func(f *FollowerFetch) { f.LeaderEpoch-- },
		func(f *FollowerFetch) { f.Offset-- },
		func(f *FollowerFetch) { f.LastEpoch-- }, // the same offset, before the log was truncated and has grown again
		func(f *FollowerFetch) { f.BrokerEpoch-- },
	} {
		other := f
		change(&other)
		a := FetchAnswer{To: other, HighWatermark: 100, Diverging: true, DivergingEpoch: 3, DivergingEnd: 20}
		if fx := r.FetchAnswered(a, 0); fx != (Effects{}) {
			t.Errorf("the answer to %+v has effects %+v", other, fx)
		}
	}
}

func TestARejoiningFollowerIsCutByEpochsAndNeverAtItsHighWatermark(t *testing.T) {
	r := testFollower()
	wantHighWatermark(t, r, 0)
	if f := nextFetch(t, r); f.Offset != 100 {
		t.Errorf("asks from %d before the leader has said anything", f.Offset)
	}
	for _, c := range []struct {
		name  string
		epoch int32
		end   int64
		to    int64
	}{
		{"the leader's epoch 4 ended first", 4, 80, 80},
		{"the follower's epoch 3 ended first", 3, 70, 50},
		{"the leader's epoch 3 ended first", 3, 40, 40},
		{"an epoch in between that the follower does not know", 2, 10, 0},
	} {
		r := testFollower()
		a := FetchAnswer{To: nextFetch(t, r), Diverging: true, DivergingEpoch: c.epoch, DivergingEnd: c.end}
		if fx := r.FetchAnswered(a, 0); !fx.Truncate || fx.To != c.to || fx.Raised {
			t.Errorf("%s: %+v, want a cut at %d", c.name, fx, c.to)
		}
		if _, _, ok := r.NextFetch(); ok {
			t.Errorf("%s: asks while the log is being cut", c.name)
		}
		r.Truncated(LogState{End: c.to, Durable: c.to, Epochs: []EpochStart{{Epoch: 3}}}, 0)
		if f := nextFetch(t, r); f.Offset != c.to {
			t.Errorf("%s: asks from %d", c.name, f.Offset)
		}
	}
}

func TestAFollowerThatTheLeaderCannotServeResetsItsLogToTheLeadersLogStart(t *testing.T) {
	r := testFollower()
	r.Install(testView(2, 1, 5, 8, 1, 3), 0) // in the ISR it would wait until it has been removed
	if fx := r.FetchAnswered(FetchAnswer{To: nextFetch(t, r), OutOfRange: true, LogStart: -1}, 0); fx != (Effects{}) {
		t.Errorf("without knowing where: %+v", fx)
	}
	if fx := r.FetchAnswered(FetchAnswer{To: nextFetch(t, r), OutOfRange: true, LogStart: 300}, 0); !fx.Reset ||
		fx.To != 300 {
		t.Errorf("effects %+v", fx)
	}
	r.Truncated(LogState{Start: 300, End: 300, Durable: 300}, 0)
	if f := nextFetch(t, r); f.Offset != 300 || f.LastEpoch != NoEpoch {
		t.Errorf("asks %+v", f)
	}
	wantHighWatermark(t, r, 300)
}

func TestAFollowerDeletesWhatTheLeaderHasDeletedAsFarAsItIsCommitted(t *testing.T) {
	r := testFollower()
	if fx := r.FetchAnswered(FetchAnswer{To: nextFetch(t, r), HighWatermark: 60, LogStart: 70}, 0); fx.RaiseStart != 60 {
		t.Errorf("effects %+v", fx)
	}
}

func TestAReplicaThatIsElectedWhileItsLogIsBeingCutLeadsFromWhereItEnds(t *testing.T) {
	r := testFollower()
	r.FetchAnswered(FetchAnswer{To: nextFetch(t, r), Diverging: true, DivergingEpoch: 4, DivergingEnd: 80}, 0)
	r.Install(testView(2, 3, 6, 8, 2, 3), 0)
	r.Install(testView(2, 2, 7, 9, 2, 3), 0)
	if r.Role() != RoleFollower {
		t.Fatalf("role %v before the log is cut", r.Role())
	}
	r.Truncated(LogState{End: 80, Durable: 80, Epochs: []EpochStart{{Epoch: 3}, {Epoch: 4, Start: 50}}}, 0)
	if r.Role() != RoleLeader {
		t.Fatalf("role %v", r.Role())
	}
	if found, end := r.EndOf(4); found != 4 || end != 80 {
		t.Errorf("epoch 4 ended at %d (%d)", end, found)
	}
	if epoch := r.EpochAt(80); epoch != 7 {
		t.Errorf("the next record has epoch %d", epoch)
	}
}

func TestTheHighWatermarkFollowsALogThatAnUncleanElectionHasShortened(t *testing.T) {
	r := testFollower()
	r.FetchAnswered(FetchAnswer{To: nextFetch(t, r), HighWatermark: 100}, 0)
	r.Install(testView(2, 3, 6, 8, 3), 0)
	r.FetchAnswered(FetchAnswer{To: nextFetch(t, r), Diverging: true, DivergingEpoch: 4, DivergingEnd: 80}, 0)
	r.Truncated(LogState{End: 80, Durable: 80, Epochs: []EpochStart{{Epoch: 3}, {Epoch: 4, Start: 50}}}, 0)
	wantHighWatermark(t, r, 80)
	r.Appended(80, 90, 6)
	r.Durable(90, 0)
	wantHighWatermark(t, r, 80)
}

func TestABrokerThatIsNoReplicaAnyMoreStops(t *testing.T) {
	r := testFollower()
	v := testView(2, 1, 5, 8, 1, 3)
	v.Replicas = []int32{1, 3}
	r.Install(v, 0)
	if _, _, ok := r.NextFetch(); ok || r.Role() != RoleNone {
		t.Errorf("role %v, asks %v", r.Role(), ok)
	}
}

func TestAFollowerShowsConsumersWhatIsCommittedWhileItsLeaseHolds(t *testing.T) {
	lease := new(Lease)
	lease.Renew(0, 10)
	r := testReplica(2, lease, LogState{End: 100, Durable: 100, Epochs: []EpochStart{{Epoch: 3}}})
	refused := func(now time.Duration) {
		t.Helper()
		if end, err := r.Shown(now); !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Errorf("shows up to %d, %v", end, err)
		}
	}
	refused(0) // it has no role yet
	r.Install(testView(2, 1, 5, 7, 1, 2, 3), 0)
	r.FetchAnswered(FetchAnswer{To: nextFetch(t, r), HighWatermark: 60}, 0)
	if end, err := r.Shown(9); end != 60 || err != nil {
		t.Errorf("shows up to %d, %v", end, err)
	}
	refused(10)
	r.Install(testView(2, 2, 6, 8, 1, 2, 3), 0)
	refused(0) // it leads
}

func TestAFollowerKeepsUpInTheISRAndWithWhatItsLeaderHasCalledCommitted(t *testing.T) {
	r := testFollower()
	if !r.KeepsUp() {
		t.Error("a member of the ISR does not keep up")
	}
	r.Install(testView(2, 1, 5, 8, 1, 3), 0)
	if r.KeepsUp() {
		t.Error("a follower without an answer of its leader keeps up")
	}
	for _, committed := range []int64{60, 100, 101} {
		r.FetchAnswered(FetchAnswer{To: nextFetch(t, r), HighWatermark: committed}, 0)
		if want := committed <= 100; r.KeepsUp() != want {
			t.Errorf("its log ends at 100, up to %d is committed, and it keeps up: %v", committed, r.KeepsUp())
		}
	}
	r.Install(testView(2, 3, 6, 9, 1, 3), 0)
	if r.KeepsUp() {
		t.Error("a follower without an answer of its new leader keeps up")
	}
}

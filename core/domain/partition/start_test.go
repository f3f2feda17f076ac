package partition

import (
	"errors"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// fetchOf returns a fetch of broker id in epoch 5 whose log is from start to offset, with a last record of epoch last.
func fetchOf(id int32, start, offset int64, last int32) FollowerFetch {
	return FollowerFetch{
		Replica: id, BrokerEpoch: int64(id) * 10, LeaderEpoch: 5, Start: start, Offset: offset,
		LastEpoch: last,
	}
}

func TestDeletingRecordsCommitsNothing(t *testing.T) {
	r := testLeader(1, 2)
	appendTo(r, 110, 0)
	fetchFrom(t, r, 2, 100, 0)
	if fx := r.Started(110, 0); fx.Raised {
		t.Errorf("effects %+v", fx)
	}
	wantHighWatermark(t, r, 100)
	fetchFrom(t, r, 2, 110, 0)
	wantHighWatermark(t, r, 110)
}

func TestALogThatBeginsAboveAllThatWasCommittedAcknowledgesNothing(t *testing.T) {
	for _, c := range []struct {
		isr  []int32
		want error
	}{{[]int32{1, 2}, fault.OffsetNotAvailable}, {[]int32{1, 3}, fault.OffsetOutOfRange}} {
		r := testLeader(c.isr...)
		appendTo(r, 150, 0)
		before := r.HighWatermark()
		for _, f := range []FollowerFetch{fetchOf(2, 120, 120, -1), fetchOf(2, 120, 130, 5), fetchOf(2, 120, 150, 5)} {
			if reply, err := r.FollowerFetched(f, 0); !errors.Is(err, c.want) {
				t.Errorf("with ISR %v, %+v is answered with %+v, %v", c.isr, f, reply, err)
			}
		}
		wantHighWatermark(t, r, before)
		if _, known := r.InSync(2); known {
			t.Errorf("with ISR %v, the follower counts as in sync", c.isr)
		}
	}
}

// An earlier leader has committed records that a follower has deleted. The new leader has all of them, but may not know
// yet that they are committed.
func TestALogThatBeginsBelowTheEpochsStartIsTrusted(t *testing.T) {
	r := testLeader(1, 2)
	if r.HighWatermark() >= 90 {
		t.Fatal("the new leader knows too much")
	}
	appendTo(r, 110, 0)
	for _, f := range []FollowerFetch{fetchOf(2, 90, 100, 4), fetchOf(2, 100, 100, -1), fetchOf(2, 100, 110, 5)} {
		if reply, err := r.FollowerFetched(f, 0); err != nil || reply.Diverging {
			t.Errorf("%+v is answered with %+v, %v", f, reply, err)
		}
	}
	wantHighWatermark(t, r, 110)
	if _, err := r.FollowerFetched(fetchOf(2, 110, 110, -1), 0); err != nil { // it has deleted what is committed now
		t.Error(err)
	}
}

func TestAMemberOfTheISRIsNotToldToResetItsLog(t *testing.T) {
	r := testLeader(1, 2)
	r.Started(60, 0)
	for name, c := range map[string]struct{ start, offset int64 }{
		"below the leader's log start": {0, 59}, "above the leader's end": {100, 120},
		"empty, above all that was committed": {101, 101},
	} {
		if _, err := r.FollowerFetched(fetchOf(2, c.start, c.offset, -1), 0); !errors.Is(err, fault.OffsetNotAvailable) {
			t.Errorf("%s, in sync: %v", name, err)
		}
		if _, err := r.FollowerFetched(fetchOf(3, c.start, c.offset, -1), 0); !errors.Is(err, fault.OffsetOutOfRange) {
			t.Errorf("%s, not in sync: %v", name, err)
		}
	}
	// After a while it is removed from the ISR, and then it is told.
	p, ok := r.Propose(2*time.Hour, anyone)
	if !ok || len(p.ISR) != 1 {
		t.Fatalf("proposes %+v (%v)", p, ok)
	}
	r.Install(testView(1, 1, 5, 8, 1), 2*time.Hour)
	if _, err := r.FollowerFetched(fetchOf(2, 101, 101, -1), 2*time.Hour); !errors.Is(err, fault.OffsetOutOfRange) {
		t.Errorf("given up: %v", err)
	}
}

func TestAMemberOfTheISRDoesNotResetItsLog(t *testing.T) {
	for _, a := range []FetchAnswer{
		{OutOfRange: true, LogStart: 7},
		{Diverging: true, DivergingEpoch: 3, DivergingEnd: 20},
	} {
		r := testFollower()
		r.Started(40, 0)
		a.To = nextFetch(t, r)
		if fx := r.FetchAnswered(a, 0); fx != (Effects{}) {
			t.Errorf("in the ISR, %+v has effects %+v", a, fx)
		}
		r.Install(testView(2, 1, 5, 8, 1, 3), 0)
		a.To = nextFetch(t, r)
		if fx := r.FetchAnswered(a, 0); !fx.Reset {
			t.Errorf("outside, %+v has effects %+v", a, fx)
		}
	}
}

// For some unknown reason the log of a member of the ISR begins above the end of the next leader's log.
func TestAFollowerThatHasDeletedUncommittedRecordsLeavesTheISRAndResetsItsLog(t *testing.T) {
	leader := testReplica(1, nil, LogState{End: 60, Durable: 60, Epochs: []EpochStart{{Epoch: 3}}})
	follower := testReplica(2, nil, LogState{
		Start: 100, End: 100, Durable: 100,
		Epochs: []EpochStart{{Epoch: 3, Start: 100}},
	})
	install := func(version int32, now time.Duration, isr ...int32) {
		leader.Install(testView(1, 1, 5, version, isr...), now)
		follower.Install(testView(2, 1, 5, version, isr...), now)
	}
	ask := func(now time.Duration) Effects {
		f := nextFetch(t, follower)
		reply, err := leader.FollowerFetched(f, now)
		if err != nil && !errors.Is(err, fault.OffsetOutOfRange) {
			return Effects{}
		}
		return follower.FetchAnswered(FetchAnswer{To: f, OutOfRange: err != nil, HighWatermark: reply.End}, now)
	}
	install(7, 0, 1, 2)
	leader.Appended(60, 110, 5)
	leader.Durable(110, 0)
	if fx := ask(0); fx != (Effects{}) || leader.HighWatermark() > 60 {
		t.Fatalf("effects %+v, and the high watermark %d counts what the follower does not have", fx, leader.HighWatermark())
	}
	const later = 2 * time.Hour
	p, ok := leader.Propose(later, anyone)
	if !ok || len(p.ISR) != 1 {
		t.Fatalf("proposes %+v (%v)", p, ok)
	}
	install(8, later, 1)
	if fx := ask(later); !fx.Reset || fx.To != 0 {
		t.Errorf("effects %+v", fx)
	}
}

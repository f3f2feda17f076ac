package partition

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// The replicas of these tests are brokers 1, 2 and 3; broker n is registered under epoch 10n.
const testLag = 10 * time.Second

func testReplica(id int32, lease *Lease, log LogState) *Replica {
	return NewReplica(id, int64(id)*10, ReplicaSettings{MinInSync: 2, MaxLag: testLag}, lease, log, 0)
}

// testView returns a view of broker id.
func testView(id, leader, epoch, version int32, isr ...int32) View {
	return View{
		Leader: leader, LeaderEpoch: epoch, Version: version, Replicas: []int32{1, 2, 3}, ISR: isr,
		BrokerEpoch: int64(id) * 10,
	}
}

// testLeader returns broker 1, which leads epoch 5 from offset 100 on with this ISR, all of it durable.
func testLeader(isr ...int32) *Replica {
	r := testReplica(1, nil, LogState{End: 100, Durable: 100, Epochs: []EpochStart{{Epoch: 3}, {Epoch: 4, Start: 50}}})
	r.Install(testView(1, 1, 5, 7, isr...), 0)
	return r
}

// appendTo appends a batch in the leader's epoch and makes it durable.
func appendTo(r *Replica, end int64, now time.Duration) Effects {
	r.Appended(r.end, end, r.leaderEpoch)
	return r.Durable(end, now)
}

// fetchFrom sends a fetch of follower id at offset in the leader's epoch.
func fetchFrom(t *testing.T, r *Replica, id int32, offset int64, now time.Duration) FetchReply {
	t.Helper()
	last := int32(NoEpoch)
	if offset > r.start {
		last = r.epochs.At(offset - 1)
	}
	f := FollowerFetch{
		Replica: id, BrokerEpoch: int64(id) * 10, LeaderEpoch: r.leaderEpoch, Offset: offset,
		LastEpoch: last,
	}
	reply, err := r.FollowerFetched(f, now)
	if err != nil {
		t.Fatalf("fetch of %d at %d: %v", id, offset, err)
	}
	return reply
}

func anyone(int32, int64) bool { return true }

func wantHighWatermark(t *testing.T, r *Replica, want int64) {
	t.Helper()
	if got := r.HighWatermark(); got != want {
		t.Errorf("high watermark %d, want %d", got, want)
	}
}

func TestALowerLeaderEpochIsRefusedAndAHigherOneWaitedFor(t *testing.T) {
	r := testLeader(1, 2, 3)
	for _, c := range []struct {
		epoch int32
		want  error
	}{{4, fault.FencedLeaderEpoch}, {5, nil}, {6, fault.UnknownLeaderEpoch}, {-1, nil}} {
		if err := r.CheckEpoch(c.epoch); !errors.Is(err, c.want) {
			t.Errorf("epoch %d: %v, want %v", c.epoch, err, c.want)
		}
		f := FollowerFetch{Replica: 2, BrokerEpoch: 20, LeaderEpoch: c.epoch, Offset: 100, LastEpoch: 4}
		if _, err := r.FollowerFetched(f, 0); !errors.Is(err, c.want) {
			t.Errorf("fetch in epoch %d: %v, want %v", c.epoch, err, c.want)
		}
	}
	follower := testReplica(2, nil, LogState{})
	follower.Install(testView(2, 1, 5, 7, 1, 2, 3), 0)
	_, err := follower.FollowerFetched(FollowerFetch{Replica: 3, BrokerEpoch: 30, LeaderEpoch: 5, LastEpoch: -1}, 0)
	if !errors.Is(err, fault.NotLeaderOrFollower) {
		t.Errorf("a follower answers %v", err)
	}
}

func TestAViewThatIsNotNewerChangesNothing(t *testing.T) {
	r := testLeader(1, 2, 3)
	for _, v := range []View{testView(1, 2, 5, 7, 2), testView(1, 2, 4, 6, 2), testView(1, 2, 4, 9, 2)} {
		if fx := r.Install(v, 0); fx != (Effects{}) || r.Role() != RoleLeader || r.Version() != 7 {
			t.Errorf("%+v was installed: %+v", v, fx)
		}
	}
}

func TestAViewFromBeforeTheRegistrationGivesNoRole(t *testing.T) {
	r := testReplica(1, nil, LogState{End: 100, Durable: 100})
	v := testView(1, 1, 5, 7, 1, 2, 3)
	v.BrokerEpoch = 9
	r.Install(v, 0)
	if r.Role() != RoleNone {
		t.Errorf("role %v by a view of the broker's incarnation before", r.Role())
	}
}

func TestAReplicaAloneCommitsWhatIsDurable(t *testing.T) {
	r := testReplica(1, nil, LogState{Start: 20, End: 100, Durable: 100})
	v := testView(1, 1, 0, 0, 1)
	v.Replicas = []int32{1}
	r.Install(v, 0)
	if err := r.Admit(-1, 0); err != nil {
		t.Errorf("min.insync.replicas above the number of replicas: %v", err)
	}
	if end, err := r.Readable(0); end != 100 || err != nil {
		t.Errorf("readable %d, %v", end, err)
	}
	r.Appended(100, 110, 0)
	wantHighWatermark(t, r, 100)
	if fx := r.Durable(110, 0); !fx.Raised || fx.HighWatermark != 110 {
		t.Errorf("durable to 110: %+v", fx)
	}
}

func TestALeaderThatIsReplacedFailsWaitingRequests(t *testing.T) {
	r := testLeader(1, 2, 3)
	if fx := r.Install(testView(1, 1, 6, 8, 1, 2), 0); fx.Deposed {
		t.Error("a leader that is elected again keeps its log, and who waits may wait on")
	}
	fx := r.Install(testView(1, 2, 7, 9, 1, 2), 0)
	if !fx.Deposed || !fx.Fetch || fx.Truncate {
		t.Errorf("effects %+v, want Deposed and Fetch, and no cut before the leader was asked", fx)
	}
	if err := r.Admit(1, 0); !errors.Is(err, fault.NotLeaderOrFollower) {
		t.Errorf("a follower admits: %v", err)
	}
}

// Its log ends at 100 in epoch 4 when it is elected in epoch 5; the next leader has more of epoch 4.
func TestAnEpochWithoutRecordsIsForgottenWithTheLead(t *testing.T) {
	r := testLeader(1, 2, 3)
	r.Install(testView(1, 1, 5, 8, 1, 2, 3), 0)
	if found, end := r.EndOf(5); found != 5 || end != 100 {
		t.Errorf("as the leader: epoch 5 ends at %d (%d)", end, found)
	}
	r.Install(testView(1, 2, 6, 9, 1, 2, 3), 0)
	r.Appended(100, 110, 4)
	if found, end := r.EndOf(3); found != 3 || end != 50 {
		t.Errorf("epoch 3 ended at %d (%d), want 50", end, found)
	}
}

func TestALeaderWithoutLeaseStopsAcknowledgingAndServing(t *testing.T) {
	lease := new(Lease)
	lease.Renew(0, time.Second)
	r := testReplica(1, lease, LogState{End: 100, Durable: 100})
	r.Install(testView(1, 1, 5, 7, 1, 2), 0)
	late := 2 * time.Second
	fetchFrom(t, r, 2, 100, 0)
	appendTo(r, 110, late)
	fetchFrom(t, r, 2, 110, late)
	wantHighWatermark(t, r, 100)
	if err := r.Admit(1, late); !errors.Is(err, fault.NotLeaderOrFollower) {
		t.Errorf("admits: %v", err)
	}
	if _, err := r.Readable(late); !errors.Is(err, fault.NotLeaderOrFollower) {
		t.Errorf("serves: %v", err)
	}
	lease.Renew(late, time.Second)
	if fx := r.Tick(late); !fx.Raised || fx.HighWatermark != 110 {
		t.Errorf("with a lease again: %+v", fx)
	}
}

func TestALeaseIsNeverShortened(t *testing.T) {
	lease := new(Lease)
	lease.Renew(2*time.Second, time.Second)
	lease.Renew(time.Second, time.Second) // the answer to an earlier heartbeat, late
	if !lease.Live(3*time.Second-1) || lease.Live(3*time.Second) {
		t.Error("the lease does not end after 3 s")
	}
}

func TestTheHotPathDoesNotAllocate(t *testing.T) {
	r := testLeader(1, 2, 3)
	end, now := r.end, time.Duration(0)
	f := FollowerFetch{BrokerEpoch: 20, LeaderEpoch: 5, LastEpoch: 5}
	fetch := func(id int32) {
		f.Replica, f.BrokerEpoch, f.Offset = id, int64(id)*10, end
		if _, err := r.FollowerFetched(f, now); err != nil {
			t.Fatal(err)
		}
	}
	allocations := testing.AllocsPerRun(100, func() {
		end, now = end+1, now+time.Millisecond
		r.Appended(end-1, end, 5)
		r.Durable(end, now)
		fetch(2)
		fetch(3)
		if err := errors.Join(r.Admit(-1, now), r.Replicated()); err != nil {
			t.Fatal(err)
		}
		r.Tick(now)
		if acked, ok := r.InSync(2); acked != end || !ok || !r.Behind(2) {
			t.Fatalf("follower 2 has %d", acked)
		}
	})
	wantHighWatermark(t, r, end)
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func BenchmarkFollowerFetched(b *testing.B) {
	r := testLeader(1, 2, 3)
	f := FollowerFetch{Replica: 2, BrokerEpoch: 20, LeaderEpoch: 5, Offset: 100, LastEpoch: 4}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.FollowerFetched(f, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// drawHistory draws how many records each epoch of a log has; epochs rise by two from first on.
func drawHistory(t *rapid.T, label string, first int32) (epochs []int32) {
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 4), 0, 5).Draw(t, label) {
		for range n {
			epochs = append(epochs, first)
		}
		first += 2
	}
	return epochs
}

func testLog(records []int32) LogState {
	var e Epochs
	for offset, epoch := range records {
		e.Assign(epoch, int64(offset))
	}
	return LogState{End: int64(len(records)), Durable: int64(len(records)), Epochs: e.Entries()}
}

// KIP-101 and KIP-279: whatever epochs the two do not know of each other, the follower's log is truncated where the
// logs diverge. Nothing that they share is lost, and nothing that differs stays.
func TestAFollowerIsCutExactlyWhereTheLogsPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shared := drawHistory(t, "shared", 1)
		next := int32(2)
		if n := len(shared); n > 0 {
			next = shared[n-1]
		}
		mine := append(append([]int32{}, shared...), drawHistory(t, "leader's", next)...)
		theirs := append(append([]int32{}, shared...), drawHistory(t, "follower's", next+1)...)
		if rapid.Bool().Draw(t, "exchanged") {
			mine, theirs = theirs, mine
		}
		leader, follower := testReplica(1, nil, testLog(mine)), testReplica(2, nil, testLog(theirs))
		epoch := int32(100)
		leader.Install(testView(1, 1, epoch, 1, 1, 2), 0)
		follower.Install(testView(2, 1, epoch, 1, 1, 2), 0)
		for range len(theirs) + 1 {
			_, f, ok := follower.NextFetch()
			if !ok {
				t.Fatal("the follower asks nothing")
			}
			reply, err := leader.FollowerFetched(f, 0)
			if err != nil {
				t.Fatal(err)
			}
			if !reply.Diverging {
				if f.Offset > int64(len(mine)) || !cmp.Equal(theirs[:f.Offset], mine[:f.Offset]) {
					t.Fatalf("the follower keeps %v of %v, the leader has %v", theirs[:f.Offset], theirs, mine)
				}
				if f.Offset < int64(len(shared)) {
					t.Fatalf("the follower keeps %d records, %d are shared", f.Offset, len(shared))
				}
				return
			}
			answer := FetchAnswer{To: f, Diverging: true, DivergingEpoch: reply.DivergingEpoch, DivergingEnd: reply.DivergingEnd}
			fx := follower.FetchAnswered(answer, 0)
			if !fx.Truncate || fx.To >= f.Offset {
				t.Fatalf("no cut below %d: %+v by %+v", f.Offset, fx, answer)
			}
			follower.Truncated(testLog(theirs[:fx.To]), 0)
		}
		t.Fatal("the lookups do not end")
	})
}

// All records are deleted (DeleteRecords up to the end, as Kafka Streams does with its repartition topics), after which
// the leader epoch begins at the log's end. The log has stored it, and must not write its checkpoint again for each
// batch.
func TestABatchBehindADeletionBeginsNoEpoch(t *testing.T) {
	r := NewReplica(1, 1, ReplicaSettings{MinInSync: 1}, nil, LogState{}, 0)
	view := View{Leader: 1, LeaderEpoch: 2, Version: 1, Replicas: []int32{1}, ISR: []int32{1}, BrokerEpoch: 1}
	r.Install(view, 0)
	if !r.Appended(0, 5, 2) || r.Appended(5, 6, 2) {
		t.Error("the first batch alone begins the epoch")
	}
	r.Durable(6, 0)
	r.Started(6, 0)
	if r.Appended(6, 7, 2) {
		t.Error("the batch behind the deletion begins epoch 2 once more")
	}
	view.LeaderEpoch, view.Version = 3, 2
	r.Install(view, 0)
	if !r.Appended(7, 8, 3) {
		t.Error("a new epoch is not stored")
	}
}

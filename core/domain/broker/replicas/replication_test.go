package replicas

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

func TestABatchIsAcknowledgedWhenItIsDurableOnEveryInSyncReplica(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.broker(2).logs.Hold()
		r.broker(3).logs.Hold()
		answer := r.broker(1).send("orders", -1, "b")
		if took, err := answered(t, r.broker(1).send("orders", 1, "c")); err != nil || took > time.Millisecond {
			t.Errorf("acks=1 is answered with %v after %v", err, took)
		}
		time.Sleep(time.Second)
		r.broker(2).logs.Release()
		time.Sleep(500 * time.Millisecond)
		if len(answer) > 0 {
			t.Fatal("acknowledged before broker 3 has it on its disk")
		}
		r.broker(3).logs.Release()
		if took, err := answered(t, answer); err != nil || took > 100*time.Millisecond {
			t.Errorf("answered with %v, %v after the last disk", err, took)
		}
		r.agree("orders", []int32{1, 2, 3}, "a", "b", "c")
	})
}

func TestAFollowerThatStopsLeavesAndRejoinsWhenItHasCaughtUp(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.isolate(3)
		if took, err := answered(t, r.broker(1).send("orders", -1, "b")); err != nil || took < ringLag-time.Second ||
			took > ringLag+time.Second {
			t.Errorf("answered with %v after %v, want the time that a follower may lag", err, took)
		}
		if took, err := answered(t, r.broker(1).send("orders", -1, "c")); err != nil || took > 100*time.Millisecond {
			t.Errorf("answered with %v after %v, without the follower", err, took)
		}
		r.agree("orders", []int32{1, 2}, "a", "b", "c")
		r.heal(3)
		r.agree("orders", []int32{1, 2, 3}, "a", "b", "c")
	})
}

func TestAProducerWaitsForInSyncReplicasNoLongerThanItWantsTo(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.broker(3).logs.Hold()
		patient := r.broker(1).send("orders", -1, "b")
		took, err := answered(t, r.broker(1).sendWithin(time.Second, "orders", -1, "c"))
		if !errors.Is(err, fault.RequestTimedOut) || took < time.Second || took > time.Second+tickInterval {
			t.Errorf("answered with %v after %v", err, took)
		}
		if took, err = answered(t, r.broker(1).sendWithin(0, "orders", -1, "d")); !errors.Is(err, fault.RequestTimedOut) ||
			took > tickInterval {
			t.Errorf("without a time-out: answered with %v after %v", err, took)
		}
		r.broker(3).logs.Release()
		if _, err := answered(t, patient); err != nil {
			t.Errorf("a producer that waits longer is answered with %v", err)
		}
		r.agree("orders", []int32{1, 2, 3}, "a", "b", "c", "d")
	})
}

func TestTooFewInSyncReplicasRefuseBeforeAndAfterTheAppend(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.isolate(2)
		r.isolate(3)
		if _, err := answered(t, r.broker(1).send("orders", -1, "b")); !errors.Is(err, fault.NotEnoughReplicasAfterAppend) {
			t.Errorf("after the append: %v", err)
		}
		if _, err := answered(t, r.broker(1).send("orders", -1, "c")); !errors.Is(err, fault.NotEnoughReplicas) {
			t.Errorf("before the append: %v", err)
		}
		if offline, underMinISR := r.broker(1).partitions.InNeed(); offline != 0 || underMinISR != 1 {
			t.Errorf("%d partitions are offline, %d have too few in-sync replicas; want 0 and 1", offline, underMinISR)
		}
		if _, err := answered(t, r.broker(1).send("orders", 1, "d")); err != nil {
			t.Errorf("acks=1: %v", err)
		}
	})
}

func TestAReplacedLeaderLosesWhatNobodyHasAcknowledged(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.isolate(1)
		answer := r.broker(1).send("orders", -1, "lost")
		if _, err := answered(t, r.broker(1).send("orders", 1, "lost, too")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(ringSession)
		if _, err := answered(t, r.broker(1).send("orders", 1, "refused")); !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Errorf("without lease: %v", err)
		}
		q := []OffsetQuery{{Topic: "orders", CurrentLeaderEpoch: -1, Timestamp: LatestTimestamp}}
		if r.broker(1).offsets.List(t.Context(), q); !errors.Is(q[0].Err, fault.NotLeaderOrFollower) {
			t.Errorf("read without lease: %+v", q[0])
		}
		e := []EpochQuery{{Topic: "orders", CurrentLeaderEpoch: -1}}
		if r.broker(1).offsets.EpochEnds(t.Context(), e); !errors.Is(e[0].Err, fault.NotLeaderOrFollower) {
			t.Errorf("end of an epoch without lease: %+v", e[0])
		}
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		r.broker(2).sent("orders", "b")
		r.heal(1)
		r.apply(metadata.UnfenceBroker{ID: 1, Epoch: 1})
		if _, err := answered(t, answer); !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Errorf("what waited is answered with %v", err)
		}
		r.agree("orders", []int32{1, 2, 3}, "a", "b")
	})
}

func TestTheLogOfAReassignedPartitionMovesAndIsRemoved(t *testing.T) {
	inRing(t, 4, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		topic, _ := r.store.Image().Topic("orders")
		r.apply(metadata.AlterReassignment{TopicID: topic.ID, Replicas: []int32{1, 2, 4}})
		r.agree("orders", []int32{1, 2, 4}, "a")
		r.broker(1).sent("orders", "b")
		r.agree("orders", []int32{1, 2, 4}, "a", "b")
		if deleted := r.broker(3).logs.Deleted(); len(deleted) == 0 || deleted[len(deleted)-1].Topic != "orders" {
			t.Errorf("broker 3 has deleted %v", deleted)
		}
	})
}

func TestAFetcherDoesNotSpinWhenItsLeaderRefusesOrIsAway(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		time.Sleep(time.Second)
		calls := func(while time.Duration) int {
			before := r.fetches(1)
			time.Sleep(while)
			return r.fetches(1) - before
		}
		if n := calls(10 * time.Second); n > 2*20+2 {
			t.Errorf("two followers have fetched %d times in 10 s of silence, want twice a second", n)
		}
		topic, _ := r.store.Image().Topic("orders")
		r.broker(1).logs.Fail(errors.New("a broken disk")) // it refuses until others lead, and they follow nobody then
		if n := calls(10 * time.Second); n > 2*200 {
			t.Errorf("%d fetches in 10 s of refusals", n)
		}
		r.isolate(2)
		if n := r.fetches(2); n == 0 {
			t.Errorf("%s is not led by broker 2: %+v", topic.Name, r.at("orders"))
		}
		before := r.fetches(2)
		time.Sleep(10 * time.Second)
		if n := r.fetches(2) - before; n > 2*220 {
			t.Errorf("%d fetches in 10 s from a leader that is away", n)
		}
	})
}

func TestANewPartitionDoesNotWaitForTheFetchUnderWay(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		for _, wait := range []time.Duration{0, 130 * time.Millisecond, 410 * time.Millisecond} {
			time.Sleep(wait)
			topic := "t" + wait.String()
			r.create(topic, 1)
			if took, err := answered(t, r.broker(1).send(topic, -1, "x")); err != nil || took > 100*time.Millisecond {
				t.Errorf("the first batch of %s is answered with %v after %v", topic, err, took)
			}
		}
	})
}

func TestALeaderWhoseLogFailsResigns(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.broker(1).logs.Fail(errors.New("a broken disk"))
		r.agree("orders", []int32{2, 3}, "a")
		if at := r.at("orders"); at.Leader != 2 {
			t.Fatalf("led by %d", at.Leader)
		}
		if took, err := answered(t, r.broker(2).send("orders", -1, "b")); err != nil || took > 200*time.Millisecond {
			t.Errorf("answered with %v after %v", err, took)
		}
		r.agree("orders", []int32{2, 3}, "a", "b")
	})
}

func TestALeaderWhoseLogCannotBeOpenedResigns(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).logs.OnOpening(func(ports.LogID) error { return errors.New("a full disk") })
		r.create("late", 1)
		time.Sleep(time.Second)
		if at := r.at("late"); at.Leader != 2 || slices.Contains(at.ISR, 1) {
			t.Fatalf("led by %d, in sync are %v", at.Leader, at.ISR)
		}
		if took, err := answered(t, r.broker(2).send("late", -1, "a")); err != nil || took > 200*time.Millisecond {
			t.Errorf("answered with %v after %v", err, took)
		}
	})
}

func TestAFollowerWhoseLogFailsIsNotWaitedFor(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.broker(3).logs.Fail(errors.New("a broken disk"))
		if took, err := answered(t, r.broker(1).send("orders", -1, "b")); err != nil || took > 200*time.Millisecond {
			t.Errorf("answered with %v after %v", err, took)
		}
		r.agree("orders", []int32{1, 2}, "a", "b")
	})
}

func TestRecordsAreDeletedWhenEveryInSyncReplicaHasDeletedThem(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.broker(1).sent("orders", "b")
		q := []DeleteRecordsQuery{{Topic: "orders", Offset: 1}}
		began := time.Now()
		if r.broker(1).offsets.DeleteRecords(t.Context(), q); q[0].Err != nil || q[0].LowWatermark != 1 {
			t.Errorf("%+v", q[0])
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %v: followers were not told at once", took)
		}
		for _, b := range r.brokers {
			for p := range b.partitions.Open() {
				if start := p.log.StartOffset(); start != 1 {
					t.Errorf("the log of broker %d begins at %d", b.id, start)
				}
			}
		}

		r.isolate(3) // the deletion waits for it until it has left the ISR
		q = []DeleteRecordsQuery{{Topic: "orders", Offset: -1}}
		began = time.Now()
		answer := make(chan error, 1)
		go func() {
			r.broker(1).offsets.DeleteRecords(t.Context(), q)
			answer <- nil
		}()
		time.Sleep(time.Second)
		if len(answer) > 0 {
			t.Error("answered without broker 3")
		}
		r.apply(metadata.FenceBroker{ID: 3, Epoch: 3})
		<-answer
		if q[0].Err != nil || q[0].LowWatermark != 2 || slices.Contains(r.at("orders").ISR, 3) {
			t.Errorf("%+v after %v, %+v", q[0], time.Since(began), r.at("orders"))
		}
	})
}

// replica returns a broker's replica of "orders", after the effects of earlier actions.
func (b *ringBroker) replica() *Partition {
	b.t.Helper()
	return b.replicaOf("orders")
}

// replicaOf is replica for a topic with one partition.
func (b *ringBroker) replicaOf(topic string) *Partition {
	b.t.Helper()
	synctest.Wait()
	for p := range b.partitions.Open() {
		if p.topic == topic {
			return p
		}
	}
	b.t.Fatal("the partition is not open")
	return nil
}

func TestNoRequestWaitsAtAFollowerForAnAcknowledgement(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		p := r.broker(2).replica()
		known := verdict{known: &partition.Appended{LastOffset: 4}}
		_, err := p.reserve(nil, &ack{acks: allInSync, done: make(result, 1)}, partition.NoEpoch, known, placement{})
		if !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Errorf("a duplicate: %v", err)
		}
		if err := p.awaitCommitted(t.Context()); !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Errorf("a reader: %v", err)
		}
	})
}

func TestWhatIsSaidOfALogFollowsItWhenItIsCut(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		time.Sleep(time.Second) // the follower learns that it is committed
		r.isolate(2)
		p := r.broker(2).replica()
		if hw := p.committed(); hw != 1 {
			t.Fatalf("high watermark %d before the cut", hw)
		}
		if err := p.cut(t.Context(), partition.Effects{Truncate: true, To: 0}, nil); err != nil {
			t.Fatal(err)
		}
		if hw := p.committed(); hw != 0 || p.grown != 0 {
			t.Errorf("high watermark %d, durable end %d after the cut, want 0", hw, p.grown)
		}
	})
}

func TestANewLeaderThatDoesNotKnowWhatIsCommittedAsksToDeleteRecordsLater(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.isolate(1)
		r.isolate(3)
		r.fence(1) // broker 2 leads, and knows what is committed when broker 3 has fetched from it
		synctest.Wait()
		ask := func(offset int64) *DeleteRecordsQuery {
			q := []DeleteRecordsQuery{{Topic: "orders", Offset: offset}}
			r.broker(2).offsets.DeleteRecords(t.Context(), q)
			return &q[0]
		}
		for _, offset := range []int64{-1, 0, 1, 2} {
			if q := ask(offset); !errors.Is(q.Err, fault.OffsetNotAvailable) {
				t.Errorf("records below %d: %+v", offset, q)
			}
		}
		r.heal(3)
		time.Sleep(time.Second)
		if q := ask(2); !errors.Is(q.Err, fault.OffsetOutOfRange) {
			t.Errorf("records above the high watermark: %+v", q)
		}
		if q := ask(1); q.Err != nil || q.LowWatermark != 1 {
			t.Errorf("%+v", q)
		}
	})
}

func TestWhereAFollowersLogBeganInAnEarlierLifeSaysNothing(t *testing.T) {
	for name, next := range map[string]func(d *deletions){
		"another leader epoch": func(d *deletions) { d.decided([]int32{1, 2, 3}, 8) },
		"out of sync and back": func(d *deletions) { d.decided([]int32{1, 2}, 7); d.decided([]int32{1, 2, 3}, 7) },
	} {
		t.Run(name, func(t *testing.T) {
			var d deletions
			d.decided([]int32{1, 2, 3}, 7)
			d.followed(2, 5)
			d.followed(3, 5)
			if low, _ := d.watch(1, 5); low != 5 {
				t.Fatalf("the lowest log start is %d", low)
			}
			next(&d)
			d.followed(2, 5)
			if low, _ := d.watch(1, 5); low != -1 {
				t.Errorf("the lowest log start is %d before broker 3 has told its own", low)
			}
			d.followed(3, 4)
			if low, _ := d.watch(1, 5); low != 4 {
				t.Errorf("the lowest log start is %d", low)
			}
		})
	}
}

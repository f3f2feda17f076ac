package replicas

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// changes calls ask before each change of a broker's log of a topic; how names the change.
func (b *ringBroker) changes(topic string, ask func(how string) error) {
	b.logs.OnChanging(func(id ports.LogID, how string) error {
		if id.Topic != topic {
			return nil
		}
		return ask(how)
	})
}

// fence and unfence do what the controller does with a broker that sends no heartbeats, and when it sends them again.
func (r *ring) fence(id int32) {
	r.t.Helper()
	b, _ := r.store.Image().Broker(id)
	r.apply(metadata.FenceBroker{ID: id, Epoch: b.Epoch})
}

func (r *ring) unfence(id int32) {
	r.t.Helper()
	b, _ := r.store.Image().Broker(id)
	r.apply(metadata.UnfenceBroker{ID: id, Epoch: b.Epoch})
}

// parted creates topic "odd", led by broker 1, and replaces broker 1 as the leader while it holds a record that no
// other broker has. Its log then has to be truncated.
func (r *ring) parted() {
	r.t.Helper()
	r.create("odd", 1)
	r.broker(1).sent("odd", "a")
	r.isolate(1)
	<-r.broker(1).send("odd", 1, "nobody else has this")
	r.fence(1)
	r.unfence(1)
	time.Sleep(time.Second)
	r.broker(2).sent("odd", "b")
}

func TestALogThatIsChangedForLongHoldsUpNoOther(t *testing.T) {
	for how, prepare := range map[string]func(r *ring){
		"truncate": func(r *ring) { r.parted(); r.heal(1) },
		"reset": func(r *ring) {
			r.parted()
			query := []DeleteRecordsQuery{{Topic: "odd", Offset: 2}}
			time.Sleep(2 * ringLag) // until broker 1 is out of the ISR
			r.broker(2).sent("odd", "c")
			ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
			defer cancel()
			if r.broker(2).offsets.DeleteRecords(ctx, query); query[0].Err != nil {
				r.t.Fatal(query[0].Err)
			}
			r.heal(1)
		},
		"begin": func(r *ring) { // within a batch: the leader's log start offset is inside of it
			r.create("odd", 2)
			r.isolate(1)
			r.broker(2).sent("odd", "a", "b", "c")
			ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
			defer cancel()
			query := []DeleteRecordsQuery{{Topic: "odd", Offset: 2}}
			if r.broker(2).offsets.DeleteRecords(ctx, query); query[0].Err != nil {
				r.t.Fatal(query[0].Err)
			}
			r.heal(1)
		},
		"raise": func(r *ring) {
			r.create("odd", 2)
			r.broker(2).sent("odd", "a")
			ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
			defer cancel()
			r.broker(2).offsets.DeleteRecords(ctx, []DeleteRecordsQuery{{Topic: "odd", Offset: 1}}) // which waits for broker 1
		},
	} {
		t.Run(how, func(t *testing.T) {
			inRing(t, 3, func(t *testing.T, r *ring) {
				began, proceed := make(chan struct{}, 100), make(chan struct{})
				release := sync.OnceFunc(func() { close(proceed) })
				defer release()
				var resets atomic.Int32
				r.broker(1).changes("odd", func(is string) error {
					begins := how == "begin" && is == "reset" && resets.Add(1) == 2 // before, to where the leader's log starts
					if is == how || begins {
						began <- struct{}{}
						<-proceed
					}
					return nil
				})
				r.create("even", 2)
				r.broker(2).sent("even", "a")
				prepare(r)
				<-began
				if took, err := answered(t, r.broker(2).send("even", -1, "b")); err != nil || took > 100*time.Millisecond {
					t.Errorf("a record of another partition is answered with %v after %v", err, took)
				}
				if took, err := answered(t, r.broker(1).send("odd", -1, "c")); !errors.Is(err, fault.NotLeaderOrFollower) ||
					took > 0 {
					t.Errorf("a record of the partition itself is answered with %v after %v", err, took)
				}
				if _, err := r.broker(1).partitions.Producers(t.Context(), "odd", 0); err != nil &&
					(how == "raise" || !errors.Is(err, fault.NotLeaderOrFollower)) {
					t.Errorf("its producers are not told: %v", err) // any replica tells them, at once, but while it is cut
				}
				r.broker(1).partitions.Expire(t.Context())
				asked := r.fetches(2)
				time.Sleep(10 * time.Second)
				if n := r.fetches(2) - asked; n > 500 { // twice in 50 ms by broker 1 at most, every 500 ms by broker 3
					t.Errorf("the leader is asked %d times in ten seconds", n)
				}
				if at := r.at("even"); len(at.ISR) != 3 {
					t.Errorf("broker 1 has fallen out of sync with another partition: %+v", at)
				}
				release()
				time.Sleep(2 * time.Second)
				if at := r.at("odd"); len(at.ISR) != 3 {
					t.Errorf("it is not in sync when the log has been changed: %+v", at)
				}
			})
		})
	}
}

func TestAFollowerWhoseLogRefusesToBeChangedAsksAgainNowAndThen(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		var tries atomic.Int32
		r.broker(1).changes("odd", func(string) error {
			if tries.Add(1) <= 5 {
				return fault.New(fault.OffsetOutOfRange, "the log starts higher now")
			}
			return nil
		})
		r.parted()
		r.heal(1)
		time.Sleep(3500 * time.Millisecond)
		if n := tries.Load(); n < 3 || n > 4 {
			t.Errorf("the log was to be cut %d times in three and a half seconds", n)
		}
		r.agree("odd", []int32{1, 2, 3}, "a", "b")
	})
}

func TestADeletionThatTakesLongDoesNotDelayFollowingTheMetadata(t *testing.T) {
	for name, take := range map[string]func(r *ring, old *metadata.Topic){
		"its topic is deleted": func(r *ring, old *metadata.Topic) { r.apply(metadata.DeleteTopic{ID: old.ID}) },
		"its replica has moved away": func(r *ring, old *metadata.Topic) {
			r.apply(metadata.AlterReassignment{TopicID: old.ID, Replicas: []int32{1, 2}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inRing(t, 3, func(t *testing.T, r *ring) {
				proceed := make(chan struct{})
				release := sync.OnceFunc(func() { close(proceed) })
				defer release()
				r.broker(3).logs.OnDeleting(func(ports.LogID) error { <-proceed; return nil })
				r.create("old", 1)
				r.broker(1).sent("old", "a")
				old, _ := r.store.Image().Topic("old")
				take(r, old)
				time.Sleep(time.Second)
				r.create("new", 1)
				if took, err := answered(t, r.broker(1).send("new", -1, "a")); err != nil || took > 500*time.Millisecond {
					t.Errorf("a record of a new topic is answered with %v after %v", err, took)
				}
				r.fence(1) // 2 leads orders from now on
				time.Sleep(ringLag + 2*time.Second)
				if at := r.at("orders"); len(at.ISR) != 2 {
					t.Errorf("broker 3 does not follow the new leader of orders-0: %+v", at)
				}
				release()
				synctest.Wait()
				if got := r.broker(3).logs.Deleted(); len(got) != 1 || got[0].Topic != "old" {
					t.Errorf("deleted %v", got)
				}
			})
		})
	}
}

func TestALogThatCannotBeDeletedIsTriedAgain(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		var tries atomic.Int32
		r.broker(3).logs.OnDeleting(func(ports.LogID) error {
			if tries.Add(1) < 4 {
				return fault.New(fault.KafkaStorageError, "too many open files")
			}
			return nil
		})
		r.broker(1).sent("orders", "a")
		r.apply(metadata.DeleteTopic{ID: metadata.TopicID{1}})
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := r.broker(3).logs.Deleted(); len(got) != 1 || tries.Load() != 4 {
			t.Errorf("deleted %v in %d tries", got, tries.Load())
		}
	})
}

func TestALogThatOpensSlowlyHoldsUpNoOther(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		proceed := make(chan struct{})
		release := sync.OnceFunc(func() { close(proceed) })
		defer release()
		r.broker(3).logs.OnOpening(func(id ports.LogID) error {
			if id.Topic == "slow" {
				<-proceed
			}
			return nil
		})
		r.create("slow", 1)
		r.create("new", 1)
		if took, err := answered(t, r.broker(1).send("new", -1, "a")); err != nil || took > 500*time.Millisecond {
			t.Errorf("a record of another topic is answered with %v after %v", err, took)
		}
		release()
		r.broker(1).sent("slow", "a")
		r.agree("slow", []int32{1, 2, 3}, "a")
	})
}

func TestALogThatCouldNotBeOpenedIsOpenedLaterInAQuietCluster(t *testing.T) {
	for name, leader := range map[string]int32{"of a follower": 1, "of the leader": 2} {
		t.Run(name, func(t *testing.T) {
			inRing(t, 3, func(t *testing.T, r *ring) {
				var tries atomic.Int32
				r.broker(2).logs.OnOpening(func(id ports.LogID) error {
					if id.Topic == "orders" {
						return nil
					}
					if tries.Add(1) <= 6 {
						return fault.New(fault.KafkaStorageError, "too many open files")
					}
					return nil
				})
				r.create("new", leader)
				time.Sleep(time.Second)
				if at := r.at("new"); len(at.ISR) != 2 || at.Leader == 2 {
					t.Errorf("broker 2 has not resigned: %+v", at)
				}
				time.Sleep(time.Minute)
				if at := r.at("new"); len(at.ISR) != 3 || tries.Load() != 7 {
					t.Errorf("after %d tries broker 2 has no replica that is in sync: %+v", tries.Load(), at)
				}
			})
		})
	}
}

func TestATopicThatIsCreatedAgainUnderItsNameIsServedAtOnce(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		for generation := range byte(5) {
			r.broker(1).sent("orders", "old")
			old, _ := r.store.Image().Topic("orders")
			r.apply(metadata.DeleteTopic{ID: old.ID})
			r.apply(metadata.CreateTopic{
				Name: "orders", ID: metadata.TopicID{100 + generation}, Partitions: -1, ReplicationFactor: -1,
				Assignments: [][]int32{{1, 2, 3}},
			})
			value := fmt.Sprint("new ", generation)
			if took, err := answered(t, r.broker(1).send("orders", -1, value)); err != nil || took > 100*time.Millisecond {
				t.Errorf("a record of the new topic is answered with %v after %v", err, took)
			}
			if at := r.at("orders"); len(at.ISR) != 3 || at.Leader != 1 || at.Version != 0 {
				t.Errorf("somebody has resigned: %+v", at)
			}
			r.agree("orders", []int32{1, 2, 3}, value)
		}
		synctest.Wait()
		for _, b := range r.brokers {
			if n := len(b.partitions.known()); n != 1 {
				t.Errorf("broker %d knows %d topics, want the newest", b.id, n)
			}
			if newest := b.partitions.names["orders"]; newest == nil || newest.before != nil {
				t.Errorf("the newest topic of broker %d still knows one before it", b.id)
			}
		}
	})
}

func TestALogIsOpenedWhenThatOfADeletedTopicOfTheSameNameIsGone(t *testing.T) {
	f := newFixture(t)
	f.sent(t, newBatch(t, record.Options{}, "old"))
	deleting, proceed := make(chan struct{}), make(chan struct{})
	f.logs.OnDeleting(func(id ports.LogID) error {
		if id.TopicID == (metadata.TopicID{1}) {
			deleting <- struct{}{}
			<-proceed
		}
		return nil
	})
	f.apply(t, metadata.DeleteTopic{ID: metadata.TopicID{1}})
	var working sync.WaitGroup
	working.Go(func() { f.follow(t) })
	<-deleting // which takes long, as when the log is being compacted
	f.apply(t, metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{9}, Partitions: 1, ReplicationFactor: 1})
	opened := make(chan error, 1)
	working.Go(func() {
		_, err := f.partitions.LeaderByName(t.Context(), "orders", 0)
		opened <- err
	})
	close(proceed)
	if err := <-opened; err != nil {
		t.Errorf("the new topic: %v", err)
	}
	working.Wait()
	if got := f.sent(t, newBatch(t, record.Options{}, "new")); got.Err != nil || got.BaseOffset != 0 {
		t.Errorf("a record of the new topic is answered %d, %v", got.BaseOffset, got.Err)
	}
}

package replicas

import (
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

const (
	moved = 20 // records of about a megabyte
	rate  = 2_000_000
)

// throttleReplicas sets which replicas of "orders" are throttled, as leader and as followers.
func (r *ring) throttleReplicas(leader, follower string) {
	r.t.Helper()
	r.apply(metadata.AlterConfigs{Type: metadata.ResourceTopic, Name: "orders", Set: map[string]string{
		"leader.replication.throttled.replicas": leader, "follower.replication.throttled.replicas": follower,
	}})
	synctest.Wait() // all brokers have applied it
}

// fill produces the records that are then moved.
func (r *ring) fill() {
	r.t.Helper()
	for range moved {
		r.broker(1).sent("orders", strings.Repeat("x", 1_000_000))
	}
}

// move reassigns the replica of "orders" on broker 3 to broker 4.
func (r *ring) move() {
	r.t.Helper()
	topic, _ := r.store.Image().Topic("orders")
	r.apply(metadata.AlterReassignment{TopicID: topic.ID, Replicas: []int32{1, 2, 4}})
}

// arrives returns how long it takes until broker 4 is in sync, at most limit, and the longest wait of a producer in the
// meantime.
func (r *ring) arrives(limit time.Duration) (took, slowest time.Duration) {
	r.t.Helper()
	began := time.Now()
	for time.Since(began) < limit && !slices.Contains(r.at("orders").ISR, 4) {
		waited, err := answered(r.t, r.broker(1).send("orders", -1, "meanwhile"))
		if err != nil {
			r.t.Fatal(err)
		}
		slowest = max(slowest, waited)
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began), slowest
}

func TestAReplicaComesAsFastAsTheThrottleAllows(t *testing.T) {
	const throttled = moved * time.Second / (rate / 1_000_000)
	for name, c := range map[string]struct {
		leaders, followers       string
		leaderRate, followerRate int64
		atLeast, atMost          time.Duration
	}{
		"by the leader": {
			"0:1,0:2,0:3", "", rate, rate, throttled - 2*time.Second,
			throttled + time.Second,
		},
		"by the follower": {"", "0:4", rate, rate, throttled - 2*time.Second, throttled + time.Second},
		"by both, as the tool has it": {
			"0:1,0:2,0:3", "0:4", rate, rate, throttled - 2*time.Second,
			throttled + time.Second,
		},
		"by the slower, of all replicas":      {"*", "*", 2 * rate, rate, throttled - 2*time.Second, throttled + time.Second},
		"not, where no rate is set":           {"*", "*", math.MaxInt64, math.MaxInt64, 0, time.Second},
		"not, where no replicas are named":    {"", "", 1, 1, 0, time.Second},
		"not, where other replicas are named": {"0:2,1:1", "0:1,0:2,0:3,1:4", 1, 1, 0, time.Second},
		"not, where the roles are swapped":    {"0:4", "0:1", 1, 1, 0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inRing(t, 4, func(t *testing.T, r *ring) {
				r.fill()
				r.throttle(c.leaderRate, c.followerRate)
				r.throttleReplicas(c.leaders, c.followers)
				r.move()
				took, slowest := r.arrives(time.Minute)
				if took < c.atLeast || took > c.atMost {
					t.Errorf("it took %v, want %v to %v", took, c.atLeast, c.atMost)
				}
				if slowest > 10*time.Millisecond {
					t.Errorf("a producer has waited %v", slowest)
				}
			})
		})
	}
}

func TestAThrottleThatChangesCountsAtOnce(t *testing.T) {
	for name, c := range map[string]struct{ leaders, followers string }{
		"of the leader":   {"*", ""},
		"of the follower": {"", "*"},
	} {
		for what, change := range map[string]func(r *ring){
			"its rate":     func(r *ring) { r.throttle(math.MaxInt64, math.MaxInt64) },
			"its replicas": func(r *ring) { r.throttleReplicas("", "") },
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				inRing(t, 4, func(t *testing.T, r *ring) {
					r.fill()
					r.throttle(0, 0)
					r.throttleReplicas(c.leaders, c.followers)
					r.move()
					if took, _ := r.arrives(9 * time.Second); took < 9*time.Second {
						t.Fatalf("it took %v at a rate of nothing", took)
					}
					change(r)
					if took, _ := r.arrives(time.Minute); took > time.Second {
						t.Errorf("it took %v after the change", took)
					}
				})
			})
		}
	}
}

func TestReplicasInSyncAreNotThrottled(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.throttle(1, 1)
		r.throttleReplicas("*", "*")
		for range moved {
			if took, err := answered(t, r.broker(1).send("orders", -1, strings.Repeat("x", 1_000_000))); err != nil ||
				took > 10*time.Millisecond {
				t.Fatalf("answered with %v after %v", err, took)
			}
		}
		if leader, follower := r.broker(1).fetch.ThrottledRate(), r.broker(2).fetch.ThrottledRate(); leader != 0 ||
			follower != 0 {
			t.Errorf("%d and %d bytes per second are counted", leader, follower)
		}
	})
}

func TestAReplicaThatWaitsForTheThrottleCostsNothing(t *testing.T) {
	for name, c := range map[string]struct{ leaders, followers string }{
		"at the leader":   {"*", ""},
		"as the follower": {"", "*"},
	} {
		t.Run(name, func(t *testing.T) {
			inRing(t, 4, func(t *testing.T, r *ring) {
				r.fill()
				r.apply(metadata.CreateTopic{ // which broker 4 fetches all the time
					Name: "other", ID: metadata.TopicID{9}, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{{1, 4}},
				})
				r.throttle(0, 0)
				r.throttleReplicas(c.leaders, c.followers)
				r.move()
				time.Sleep(500 * time.Millisecond)
				before := r.fetches(1)
				time.Sleep(10 * time.Second)
				if n := r.fetches(1) - before; n > 3*21 { // each of the three followers' fetches waits half a second
					t.Errorf("the leader was asked %d times", n)
				}
				if len(r.broker(4).values("orders")) == moved {
					t.Error("nothing was throttled")
				}
			})
		})
	}
}

// asks fetches "orders" from broker 1 in the name of broker 4, which is cut off.
func (r *ring) asks(offset int64, minBytes int32, maxWait time.Duration) (got *FetchedPartition, took time.Duration) {
	r.t.Helper()
	req := r.fetchOf(4, 1<<20, "orders")
	req.MaxWait, req.MinBytes, req.Partitions[0].Offset = maxWait, minBytes, offset
	began := time.Now()
	resp := r.broker(1).fetch.Fetch(r.t.Context(), req)
	defer resp.Release()
	if resp.Err != nil || resp.Partitions[0].Err != nil {
		r.t.Fatal(resp.Err, resp.Partitions[0].Err)
	}
	return &resp.Partitions[0], time.Since(began)
}

// throttledByHand runs test in a ring of four brokers, each in one of the racks. The last one is cut off; it replicates
// "orders", and the first one throttles it to rate.
func throttledByHand(t *testing.T, racks []string, rate int64, test func(t *testing.T, r *ring)) {
	inRacks(t, racks, func(t *testing.T, r *ring) {
		r.fill()
		r.throttle(rate, math.MaxInt64)
		r.throttleReplicas("*", "")
		r.isolate(4)
		r.move()
		synctest.Wait()
		test(t, r)
	})
}

func TestAFetchThatWaitsForTheThrottleIsAnsweredWhenItIsDue(t *testing.T) {
	throttledByHand(t, make([]string, 4), 500_000, func(t *testing.T, r *ring) {
		for offset, due := range []time.Duration{0, 2 * time.Second, 2 * time.Second} {
			if got, took := r.asks(int64(offset), 1, time.Minute); took < due || took > due+100*time.Millisecond ||
				got.Records.Size < 1_000_000 {
				t.Errorf("offset %d: %d bytes after %v, want one record after %v", offset, got.Records.Size, took, due)
			}
		}
	})
}

// Followers are sent a new high watermark at once, for the consumers that read from them. A throttled one would then
// fetch all the time.
func TestAThrottledFetchIsNotAnsweredForAHighWatermark(t *testing.T) {
	throttledByHand(t, []string{"a", "b", "c", "d"}, 0, func(t *testing.T, r *ring) {
		r.asks(0, 1, time.Second)
		for range 3 {
			r.broker(1).sent("orders", "meanwhile")
			if got, took := r.asks(1, 1, time.Second); took < time.Second || got.Records.Size > 0 {
				t.Errorf("%d bytes after %v", got.Records.Size, took)
			}
		}
	})
}

func TestWhatIsReadAgainForTheSameAnswerCountsOnce(t *testing.T) {
	throttledByHand(t, make([]string, 4), 1<<40, func(t *testing.T, r *ring) {
		time.AfterFunc(500*time.Millisecond, func() { r.broker(1).send("orders", -1, "meanwhile") })
		got, _ := r.asks(0, 1<<30, time.Second)
		if rate := r.broker(1).fetch.ThrottledRate(); rate != int64(got.Records.Size) || rate == 0 {
			t.Errorf("counted are %d bytes, sent %d", rate, got.Records.Size)
		}
	})
}

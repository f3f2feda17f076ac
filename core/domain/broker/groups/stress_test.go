package groups

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator/coordinatortest"
	"github.com/chronik-stream/chronik/core/domain/broker/groups/groupstest"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
)

// consumer is a member that follows the protocol until ctx ends, and counts how often it could consume.
type consumer struct {
	g        *fixture
	random   *rand.Rand
	group    string
	instance string
	consumed int
	acked    atomic.Int64 // the highest offset whose commit was answered without error
	tried    int64
}

func (c *consumer) run(ctx context.Context) {
	memberID := ""
	for ctx.Err() == nil {
		c.nap(ctx, 100)
		req := groupstest.JoinRequest(c.group, memberID, c.instance)
		req.RequireMemberID = true
		joined := c.g.Join(ctx, req)
		memberID = joined.MemberID
		if joined.Err != nil {
			if fault.KindOf(joined.Err) != fault.MemberIDRequired {
				memberID = ""
			}
			continue
		}
		sync := classic.SyncRequest{Group: c.group, MemberID: memberID, InstanceID: c.instance, Generation: joined.Generation}
		if joined.Leader == memberID {
			sync.Assignments = map[string][]byte{}
			for i, m := range joined.Members {
				sync.Assignments[m.MemberID] = []byte{byte(i)}
			}
		}
		if r := c.g.Sync(ctx, sync); r.Err != nil {
			continue
		}
		if !c.consume(ctx, memberID, joined.Generation) {
			memberID = ""
		}
	}
}

// consume commits and sends heartbeats until the group rebalances. It reports whether the member is still one.
func (c *consumer) consume(ctx context.Context, memberID string, generation int32) bool {
	for ctx.Err() == nil {
		c.consumed++
		c.nap(ctx, 2000)
		c.tried++
		if err := c.g.Commit(ctx, groupstest.CommitOf(c.group, memberID, generation, c.tried)); err == nil {
			c.acked.Store(c.tried)
		}
		switch c.random.IntN(30) {
		case 0: // restart, leaving
			_ = c.g.Leave(ctx, c.group, []classic.LeaveMember{{MemberID: memberID, InstanceID: c.instance}})
			return false
		case 1: // crash
			return false
		}
		err := c.g.Heartbeat(ctx, classic.HeartbeatRequest{
			Group: c.group, MemberID: memberID,
			InstanceID: c.instance, Generation: generation,
		})
		switch fault.KindOf(err) {
		case fault.None:
		case fault.RebalanceInProgress:
			return true
		default:
			return false
		}
	}
	return false
}

func (c *consumer) nap(ctx context.Context, ms int) {
	select {
	case <-time.After(time.Duration(c.random.IntN(ms)+1) * time.Millisecond):
	case <-ctx.Done():
	}
}

// Anomalies 16 and 17: whatever happens to members and appends, the coordinator's state is that of its log, and live
// members get to consume.
func TestLiveGroupsAreWhatAReplayOfTheLogGives(t *testing.T) {
	for seed := range uint64(4) {
		runGroups(t, coordinatortest.NewLog(30*time.Millisecond), func(t *testing.T, g *fixture) {
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			var consumers []*consumer
			for i := range 12 {
				c := &consumer{g: g, random: rand.New(rand.NewPCG(seed, uint64(i))), group: neighbours(5)[i%4]}
				if i%3 == 0 {
					c.instance = fmt.Sprint("i-", i)
				}
				consumers = append(consumers, c)
				wg.Go(func() { c.run(ctx) })
			}
			alone := &consumer{g: g, random: rand.New(rand.NewPCG(seed, 99)), group: neighbours(5)[4]}
			wg.Go(func() { alone.run(ctx) })
			for range 4 {
				time.Sleep(time.Minute)
				g.log.Set(func() { g.log.Lose = fault.KafkaStorageError })
				time.Sleep(100 * time.Millisecond)
				g.log.Set(func() { g.log.Lose = nil })
			}
			time.Sleep(2 * time.Minute)
			before := alone.acked.Load()
			time.Sleep(2 * time.Minute)
			if alone.acked.Load() == before {
				t.Errorf("seed %d: the only member of its group does not commit any more", seed)
			}
			cancel()
			wg.Wait()
			synctest.Wait()
			time.Sleep(time.Second)
			for i, c := range consumers {
				if c.consumed == 0 {
					t.Errorf("seed %d: consumer %d never consumed", seed, i)
				}
			}
			if got := groupstest.Committed(t, g, alone.group); got < alone.acked.Load() {
				t.Errorf("seed %d: committed offset %d, but %d was answered", seed, got, alone.acked.Load())
			}
			offsets := func(g *fixture) (all [][]group.FetchedOffset) {
				for _, id := range neighbours(5) {
					o, err := g.FetchOffsets(t.Context(), id, nil, false)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, o)
				}
				return all
			}
			live := offsets(g)
			stable := map[string]classic.Description{}
			for _, id := range neighbours(5) {
				if d := g.Describe(t.Context(), id); d.State == "Stable" || d.State == "Empty" {
					stable[id] = d
				}
			}
			g = g.restart()
			defer g.stop()
			if diff := cmp.Diff(live, offsets(g)); diff != "" {
				t.Errorf("seed %d: offsets after a restart: %s", seed, diff)
			}
			for id, want := range stable {
				if diff := cmp.Diff(want, g.Describe(t.Context(), id)); diff != "" {
					t.Errorf("seed %d: %s after a restart: %s", seed, id, diff)
				}
			}
		})
	}
}

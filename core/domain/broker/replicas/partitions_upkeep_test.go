package replicas

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/chronik-stream/chronik/internal/pause"
)

// TestTasksAreDoneUntilTheySucceed: after each request for a task, a run of it begins and succeeds, however many fail
// before. A task never runs twice at a time, and no more tasks than allowed run together.
func TestTasksAreDoneUntilTheySucceed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		type drawn struct {
			asked   time.Duration
			of      int32
			lengths []int // of its runs, in milliseconds
			fails   int   // runs
		}
		tasks := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) drawn {
			return drawn{
				asked:   time.Duration(rapid.IntRange(0, 2000).Draw(r, "asked")) * time.Millisecond,
				of:      rapid.Int32Range(0, 15).Draw(r, "task"),
				fails:   rapid.IntRange(0, 3).Draw(r, "fails"),
				lengths: rapid.SliceOfN(rapid.IntRange(0, 3000), 1, 4).Draw(r, "lengths"),
			}
		}), 1, 40).Draw(r, "tasks")
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			running, runs, fails := map[int32]bool{}, map[int32]int{}, map[int32]int{}
			succeeded := map[int32]time.Time{} // when the last successful run began
			do := func(ctx context.Context, of task) error {
				began := time.Now()
				mu.Lock()
				if running[of.partition] {
					t.Errorf("task %d runs twice", of.partition)
				}
				running[of.partition] = true
				if len(running) > upkeepAtOnce {
					t.Errorf("%d tasks run", len(running))
				}
				n := runs[of.partition]
				runs[of.partition]++
				mu.Unlock()
				length := tasks[int(of.partition)%len(tasks)].lengths
				pause.For(ctx, time.Duration(length[n%len(length)])*time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				delete(running, of.partition)
				if fails[of.partition] > 0 {
					fails[of.partition]--
					return errors.New("it fails")
				}
				succeeded[of.partition] = began
				return nil
			}
			ctx, cancel := context.WithCancel(t.Context())
			u := newUpkeep(do, time.Now)
			var working sync.WaitGroup
			working.Go(func() { u.run(ctx) })
			asked := map[int32]time.Time{}
			for _, d := range tasks {
				working.Go(func() {
					pause.For(ctx, d.asked)
					mu.Lock()
					fails[d.of] += d.fails
					asked[d.of] = time.Now()
					mu.Unlock()
					u.ask(task{partition: d.of})
				})
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			for of, when := range asked {
				if succeeded[of].Before(when) {
					t.Errorf("task %d has not succeeded since it was asked for", of)
				}
			}
			if len(u.tasks)+len(u.queue)+len(u.resting)+u.running > 0 {
				t.Errorf("something is left: %+v", u)
			}
			cancel()
			working.Wait()
		})
	})
}

func TestATaskThatFailsRestsLongerAndLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Duration
		start := time.Now()
		u := newUpkeep(func(context.Context, task) error {
			began = append(began, time.Since(start))
			return errors.New("it fails")
		}, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		var working sync.WaitGroup
		working.Go(func() { u.run(ctx) })
		u.ask(task{})
		time.Sleep(36 * time.Second)
		synctest.Wait()
		want := []time.Duration{
			0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 25 * time.Second,
			35 * time.Second,
		}
		if !slices.Equal(began, want) {
			t.Errorf("it began at %v, want %v", began, want)
		}
		cancel()
		working.Wait()
	})
}

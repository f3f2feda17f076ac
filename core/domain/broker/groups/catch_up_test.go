package groups

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator/coordinatortest"
	"github.com/chronik-stream/chronik/core/domain/broker/groups/groupstest"
)

// TestWhatIsDueByAMovedClockIsDoneAtOnce moves the coordinator's clock; the machine's clock stands still.
func TestWhatIsDueByAMovedClockIsDoneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFixture(t, coordinatortest.NewLog(10*time.Millisecond))
		g.stop()
		var ahead atomic.Int64
		clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		move := func(d time.Duration) {
			ahead.Add(int64(d))
			if err := g.CatchUp(t.Context()); err != nil {
				t.Error(err)
			}
		}
		d := g.deps
		d.Clock = clock
		g.Coordinator = New(d)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()

		ids, generation := groupstest.Form(t, g, "g", 2)
		if err := g.Commit(t.Context(), groupstest.CommitOf("g", ids[0], generation, 5)); err != nil {
			t.Error(err)
		}
		began := time.Now()
		move(9 * time.Second)
		if state := g.Describe(t.Context(), "g").State; state != "Stable" {
			t.Errorf("a second before the session's time-out the group is %s", state)
		}
		move(2 * time.Second)
		if state := g.Describe(t.Context(), "g").State; state != "Empty" {
			t.Errorf("behind the session's time-out the group is %s", state)
		}
		move(6 * 24 * time.Hour)
		if got := groupstest.Committed(t, g, "g"); got != 5 {
			t.Errorf("before offsets.retention.minutes %d is committed, want 5", got)
		}
		move(2 * 24 * time.Hour)
		if got := groupstest.Committed(t, g, "g"); got != -1 {
			t.Errorf("behind offsets.retention.minutes %d is committed", got)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v of the machine's time", took)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestCatchingUpWaitsForGroupsThatAreBeingLoaded has a log that takes longer to read than a request waits for it.
func TestCatchingUpWaitsForGroupsThatAreBeingLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := coordinatortest.NewLog(0)
		g := newFixture(t, log)
		if err := g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 5)); err != nil {
			t.Fatal(err)
		}
		log.Set(func() { log.ReadDelay = 3 * time.Second })
		g = g.restart()
		defer g.stop()
		if err := g.CatchUp(t.Context()); err != nil {
			t.Errorf("CatchUp() = %v", err)
		}
		if got := groupstest.Committed(t, g, "g"); got != 5 {
			t.Errorf("%d is committed, want 5", got)
		}
	})
}

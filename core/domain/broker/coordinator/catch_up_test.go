package coordinator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestCatchingUpWaitsForTheAlarmsThatRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarms(time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); a.run(ctx) }()
		proceed, second := make(chan struct{}), false
		last := &alarm{ring: func(context.Context) { second = true }}
		first := &alarm{ring: func(context.Context) {
			<-proceed
			a.set(last, time.Now()) // due at once
		}}
		a.set(first, time.Now().Add(time.Second))
		time.Sleep(time.Second)
		synctest.Wait() // run has taken the first alarm from the heap
		caughtUp := make(chan struct{})
		go func() { defer close(caughtUp); a.catchUp(ctx) }()
		synctest.Wait()
		select {
		case <-caughtUp:
			t.Error("returned while an alarm that is due rings")
		default:
		}
		close(proceed)
		<-caughtUp
		if !second {
			t.Error("returned before the alarm that the first one has set")
		}
		cancel()
		<-ended
	})
}

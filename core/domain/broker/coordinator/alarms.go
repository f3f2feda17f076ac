package coordinator

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/ports"
)

// alarms wakes states at the times they ask for: one goroutine and one heap for all of them.
type alarms struct {
	clock ports.Clock
	kick  chan struct{} // the earliest alarm has become earlier

	mu      sync.Mutex
	heap    alarmHeap
	ringing int       // alarms that next has returned and that have not rung to the end
	quiet   sync.Cond // ringing has become 0
}

// alarm is the one alarm of an entry.
type alarm struct {
	ring   func(context.Context) // called without a lock held
	at     time.Time             // when it rings, zero if it is not set; guarded by the shard's lock
	queued time.Time             // the same, as the heap orders it; guarded by alarms.mu
	place  int                   // position in the heap, counted from 1; 0: not in the heap; guarded by alarms.mu
}

func newAlarms(clock ports.Clock) *alarms {
	a := &alarms{clock: clock, kick: make(chan struct{}, 1)}
	a.quiet.L = &a.mu
	return a
}

// set makes the alarm ring at wake; the zero time means never. An alarm is never moved to a later time, since it does
// no harm if it rings too early. So a heartbeat, which extends a deadline, costs nothing here. The caller holds the
// shard's lock.
func (a *alarms) set(one *alarm, wake time.Time) {
	if wake.IsZero() || !one.at.IsZero() && !wake.Before(one.at) {
		return
	}
	one.at = wake
	a.mu.Lock()
	defer a.mu.Unlock()
	one.queued = wake
	if one.place == 0 {
		heap.Push(&a.heap, one)
	} else {
		heap.Fix(&a.heap, one.place-1)
	}
	if one.place == 1 {
		select {
		case a.kick <- struct{}{}:
		default:
		}
	}
}

// drop removes the alarm.
func (a *alarms) drop(one *alarm) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if one.place != 0 {
		heap.Remove(&a.heap, one.place-1)
	}
}

// run rings the alarms until ctx ends.
func (a *alarms) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, wait := a.next()
		if due != nil {
			a.ring(ctx, due)
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-a.kick:
		case <-ctx.Done():
			return
		}
	}
}

// catchUp rings the alarms that are due, waits for those that run is ringing, and makes run compute again how long to
// wait for the others.
func (a *alarms) catchUp(ctx context.Context) {
	for due := a.nextOrQuiet(); due != nil; due = a.nextOrQuiet() {
		a.ring(ctx, due)
	}
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// ring rings an alarm that next or nextOrQuiet has returned.
func (a *alarms) ring(ctx context.Context, due *alarm) {
	due.ring(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ringing--; a.ringing == 0 {
		a.quiet.Broadcast()
	}
}

// next removes and returns an alarm that is due, or returns how long to wait for the next one.
func (a *alarms) next() (due *alarm, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pop()
}

// nextOrQuiet removes and returns an alarm that is due. It returns nil when there is none and all others have rung to
// the end: one that rings may set another that is due.
func (a *alarms) nextOrQuiet() *alarm {
	a.mu.Lock()
	defer a.mu.Unlock()
	due, _ := a.pop()
	for due == nil && a.ringing > 0 {
		a.quiet.Wait()
		due, _ = a.pop()
	}
	return due
}

// pop is next, called with mu held.
func (a *alarms) pop() (due *alarm, wait time.Duration) {
	if len(a.heap) == 0 {
		return nil, time.Hour
	}
	if wait := a.heap[0].queued.Sub(a.clock()); wait > 0 {
		return nil, wait
	}
	a.ringing++
	return heap.Pop(&a.heap).(*alarm), 0
}

// alarmHeap implements heap.Interface, the earliest alarm first. It keeps alarm.place up to date.
type alarmHeap []*alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].queued.Before(h[j].queued) }

func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h *alarmHeap) Push(x any) {
	one := x.(*alarm)
	*h = append(*h, one)
	one.place = len(*h)
}

func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	one := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	one.place = 0
	return one
}

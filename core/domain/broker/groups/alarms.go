package groups

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/ports"
)

// groupAlarms wakes groups at the times they ask for: one goroutine and one heap for all of them.
type groupAlarms struct {
	clock ports.Clock
	kick  chan struct{} // the earliest alarm has become earlier

	mu   sync.Mutex
	heap alarmHeap
}

type groupAlarm struct {
	at time.Time
	e  *heldGroup
}

func newGroupAlarms(clock ports.Clock) *groupAlarms {
	return &groupAlarms{clock: clock, kick: make(chan struct{}, 1)}
}

// arm sets the group's alarm to when the group wants to be woken. An alarm that rings too early does no harm, so
// it is never moved back: heartbeats cost nothing here. It is called under the shard's lock.
func (a *groupAlarms) arm(e *heldGroup) {
	wake := e.Wake()
	if wake.IsZero() || !e.armed.IsZero() && !wake.Before(e.armed) {
		return
	}
	e.armed = wake
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.place == 0 {
		heap.Push(&a.heap, groupAlarm{at: wake, e: e})
	} else {
		a.heap[e.place-1].at = wake
		heap.Fix(&a.heap, e.place-1)
	}
	if e.place == 1 {
		select {
		case a.kick <- struct{}{}:
		default:
		}
	}
}

// drop takes the group's alarm away.
func (a *groupAlarms) drop(e *heldGroup) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.place != 0 {
		heap.Remove(&a.heap, e.place-1)
	}
}

// run rings the alarms until ctx ends.
func (a *groupAlarms) run(ctx context.Context, ring func(context.Context, *heldGroup)) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		e, wait := a.next()
		if e != nil {
			ring(ctx, e)
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

// catchUp rings the alarms that are due at once, and has run look again how long the others take.
func (a *groupAlarms) catchUp(ctx context.Context, ring func(context.Context, *heldGroup)) {
	for e, _ := a.next(); e != nil; e, _ = a.next() {
		ring(ctx, e)
	}
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// next takes a group whose alarm is due out of the heap, or returns how long there is to wait for one.
func (a *groupAlarms) next() (e *heldGroup, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.heap) == 0 {
		return nil, time.Hour
	}
	if wait := a.heap[0].at.Sub(a.clock()); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&a.heap).(groupAlarm).e, 0
}

// alarmHeap implements heap.Interface, the earliest alarm first. Groups know their places.
type alarmHeap []groupAlarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].e.place, h[j].e.place = i+1, j+1
}

func (h *alarmHeap) Push(x any) {
	alarm := x.(groupAlarm)
	*h = append(*h, alarm)
	alarm.e.place = len(*h)
}

func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	alarm := (*h)[last]
	(*h)[last] = groupAlarm{}
	*h = (*h)[:last]
	alarm.e.place = 0
	return alarm
}

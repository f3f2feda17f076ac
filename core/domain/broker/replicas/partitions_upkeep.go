package replicas

import (
	"context"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// upkeepAtOnce is how many tasks run together: a disk serves several better than one, and one that takes long
// does not hold up all others.
const upkeepAtOnce = 8

// A task that has failed is tried again after upkeepRetry, and after twice as long each time, at most reopenAfter.
const upkeepRetry = time.Second

// task is something to be brought in line with the newest metadata that may take as long as a disk likes: logs are
// opened, closed and deleted.
type task struct {
	kind      taskKind
	topic     metadata.TopicID // of all but sweepLogs
	partition int32            // of alignPartition
}

type taskKind uint8

const (
	alignPartition taskKind = iota // open a partition that is replicated, remove one that has moved away
	dropTopic                      // remove the partitions of a deleted topic
	sweepLogs                      // remove logs on disk that no topic has
)

// upkeep runs tasks until they have succeeded: several at once, each of them in one goroutine at a time. Whoever
// asks for one does not wait.
type upkeep struct {
	do    func(context.Context, task) error
	clock ports.Clock
	woken chan struct{}

	mu      sync.Mutex
	tasks   map[task]*taskState // that have not succeeded since they were asked for
	queue   []task              // that may be begun
	resting []task              // that have failed, and some that were asked for again since
	running int
}

// taskState is how far a task has come.
type taskState struct {
	stage    taskStage
	again    bool          // it was asked for again while it ran
	pause    time.Duration // after the last failure, 0 when it has not failed
	tryAgain time.Time     // while it rests
}

type taskStage uint8

const (
	taskQueued taskStage = iota
	taskRunning
	taskResting
)

func newUpkeep(do func(context.Context, task) error, clock ports.Clock) *upkeep {
	return &upkeep{do: do, clock: clock, woken: make(chan struct{}, 1), tasks: make(map[task]*taskState)}
}

// ask has a task run soon, once more if it is running.
func (u *upkeep) ask(t task) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch of := u.tasks[t]; {
	case of == nil:
		u.tasks[t] = new(taskState)
		u.queue = append(u.queue, t)
	case of.stage == taskRunning:
		of.again = true
	case of.stage == taskResting:
		of.stage = taskQueued
		u.queue = append(u.queue, t)
	}
	u.wake()
}

func (u *upkeep) wake() {
	select {
	case u.woken <- struct{}{}:
	default: // it has been woken and has not looked yet
	}
}

// run runs tasks until ctx ends; all have ended then.
func (u *upkeep) run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	for ctx.Err() == nil {
		due, wait := u.begin()
		for _, t := range due {
			working.Go(func() { u.finish(t, u.do(ctx, t)) })
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-u.woken:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// begin takes out the tasks that are to be run now, and says how long it takes until one that has
// failed may be tried again.
func (u *upkeep) begin() (due []task, wait time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now, wait := u.clock(), time.Hour
	resting := u.resting[:0]
	for _, t := range u.resting {
		of := u.tasks[t]
		if of == nil || of.stage != taskResting {
			continue
		}
		if left := of.tryAgain.Sub(now); left > 0 {
			wait = min(wait, left)
			resting = append(resting, t)
			continue
		}
		of.stage = taskQueued
		u.queue = append(u.queue, t)
	}
	u.resting = resting
	n := min(len(u.queue), upkeepAtOnce-u.running)
	due, u.queue = u.queue[:n:n], u.queue[n:]
	for _, t := range due {
		u.tasks[t].stage = taskRunning
	}
	u.running += n
	return due, wait
}

// finish notes how a task went.
func (u *upkeep) finish(t task, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.running--
	of := u.tasks[t]
	switch {
	case of.again:
		of.again, of.stage = false, taskQueued
		u.queue = append(u.queue, t)
	case err != nil:
		of.pause = backOff(of.pause, upkeepRetry, reopenAfter)
		of.stage, of.tryAgain = taskResting, u.clock().Add(of.pause)
		u.resting = append(u.resting, t)
	default:
		delete(u.tasks, t)
	}
	u.wake()
}

// backOff returns how long to wait after a failure when it was last the time before: first, then twice as
// long, and no longer than most.
func backOff(last, first, most time.Duration) time.Duration {
	return min(max(2*last, first), most)
}

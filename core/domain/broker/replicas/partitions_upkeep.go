package replicas

import (
	"context"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// upkeepAtOnce is how many tasks run together: a disk serves several better than one, and one that takes long does not
// delay all others.
const upkeepAtOnce = 8

// A failed task is tried again after upkeepRetry, and after twice as long each further time, at most reopenAfter.
const upkeepRetry = time.Second

// task opens, closes or deletes logs as the newest metadata requires. It may block on a disk.
type task struct {
	kind      taskKind
	topic     metadata.TopicID // set except for sweepLogs
	partition int32            // set for alignPartition
}

type taskKind uint8

const (
	alignPartition taskKind = iota // open a replicated partition, remove one that has moved to other brokers
	dropTopic                      // remove the partitions of a deleted topic
	sweepLogs                      // remove logs on disk that belong to no topic
)

// upkeep runs tasks until they succeed: several at once, but the same task in one goroutine at a time. The callers of
// ask do not wait.
type upkeep struct {
	do    func(context.Context, task) error
	clock ports.Clock
	woken chan struct{}

	mu      sync.Mutex
	tasks   map[task]*taskState // asked for and not yet successful
	queue   []task              // ready to run
	resting []task              // failed; some of them were asked for again and are in queue
	running int
}

// taskState is the progress of a task.
type taskState struct {
	stage    taskStage
	again    bool          // it was asked for again while it ran
	pause    time.Duration // after the last failure, 0 when it has not failed
	tryAgain time.Time     // while it is resting
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

// ask queues a task. If it is running, it runs once more afterwards.
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
	default: // a wake-up is pending already
	}
}

// run runs tasks until ctx ends. It returns when all of them have ended.
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

// begin removes and returns the tasks that are to run now. wait is the time until a failed one may be tried again.
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

// finish records the result of a task.
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

// backOff returns how long to wait after a failure, given the wait before (0 for none): first, then twice as long each
// time, at most most.
func backOff(last, first, most time.Duration) time.Duration {
	return min(max(2*last, first), most)
}

package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/wiring"
)

const (
	// exitUnfinished is the exit code of a process that was asked to end, and has not done all that a proper stop does.
	exitUnfinished = 3
	// usualLimit is how long the end may take of a process that has not read its configuration.
	usualLimit = 10*time.Second + wiring.BeyondGrace
	// oneWish is how long after the first signal others say the same: terminals, timeout(1) and scripts tell a process
	// and its group, so that one Ctrl-C comes twice.
	oneWish = 200 * time.Millisecond
)

// ending sees that the process ends when it was asked to: a disk that does not answer, or is not there
// any more, must not keep it.
type ending struct {
	stderr io.Writer
	limit  atomic.Int64 // nanoseconds from the first signal on
	steps  wiring.Progress
}

func newEnding(stderr io.Writer) *ending {
	e := &ending{stderr: stderr}
	e.limit.Store(int64(usualLimit))
	return e
}

// grants sets how long requests under way may take.
func (e *ending) grants(grace time.Duration) { e.limit.Store(int64(grace + wiring.BeyondGrace)) }

// await returns the exit code of what is done. The first signal has it asked to end; after another
// one, oneWish later or more, or when it takes too long, it is not waited for any more.
func (e *ending) await(done <-chan int, signals <-chan os.Signal, ask func()) int {
	select {
	case code := <-done:
		return code
	case <-signals:
	}
	asked := time.Now()
	ask()
	limit := time.Duration(e.limit.Load())
	overdue := time.NewTimer(limit)
	defer overdue.Stop()
	for {
		select {
		case code := <-done:
			return code
		case <-signals:
			if time.Since(asked) < oneWish {
				continue
			}
			e.abandon("a second signal")
		case <-overdue.C:
			e.abandon(fmt.Sprintf("it took longer than shutdown_grace_ms and %v, %v", wiring.BeyondGrace, limit))
		}
		return exitUnfinished
	}
}

func (e *ending) abandon(reason string) {
	if !e.steps.Abandon(reason) {
		fmt.Fprintf(e.stderr, "chronik-server: ended before all was done: %s\n", reason)
	}
}

package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/wiring"
)

const (
	// exitUnfinished is the exit code of a process that was asked to end and has not stopped completely.
	exitUnfinished = 3
	// usualLimit is how long a process may take to end that has not read its configuration.
	usualLimit = configs.DefaultGrace + wiring.BeyondGrace
	// oneWish is the time within which further signals count as the first one. Terminals, timeout(1) and scripts signal
	// a process and its group, so that one Ctrl-C arrives twice.
	oneWish = 200 * time.Millisecond
)

// ending makes sure that the process ends when it was asked to, even if the disk does not respond or is gone.
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

// await waits for the exit code and returns it. On the first signal it calls ask. On a second signal, at least oneWish
// later, or when the limit has passed, it stops waiting and returns exitUnfinished.
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

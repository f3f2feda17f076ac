package main

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ended runs await with a grace period of ten seconds. play reports an exit code by stop and sends signals by signal.
func ended(t *testing.T,
	play func(stop func(code int), signal func()),
) (code int, took time.Duration, asked int, said string) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		var stderr bytes.Buffer
		e := newEnding(&stderr)
		e.grants(10 * time.Second)
		done, signals, began := make(chan int, 1), make(chan os.Signal, 2), time.Now()
		go play(func(code int) { done <- code }, func() { signals <- syscall.SIGTERM })
		code = e.await(done, signals, func() { asked++ })
		took, said = time.Since(began), stderr.String()
	})
	return code, took, asked, said
}

func TestAProcessThatIsDoneEndsWithItsCode(t *testing.T) {
	code, _, asked, said := ended(t, func(stop func(int), _ func()) { stop(1) })
	if code != 1 || asked != 0 || said != "" {
		t.Errorf("code %d, asked to end %d times, said %q", code, asked, said)
	}
}

func TestAProcessThatWasAskedToEndIsWaitedFor(t *testing.T) {
	code, took, asked, said := ended(t, func(stop func(int), signal func()) {
		signal()
		time.Sleep(14 * time.Second)
		stop(0)
	})
	if code != 0 || took != 14*time.Second || asked != 1 || said != "" {
		t.Errorf("code %d after %v, asked to end %d times, said %q", code, took, asked, said)
	}
}

func TestAProcessThatDoesNotStopEndsFiveSecondsAfterTheGracePeriod(t *testing.T) {
	code, took, asked, said := ended(t, func(_ func(int), signal func()) { signal() })
	if code != exitUnfinished || took != 15*time.Second || asked != 1 ||
		!strings.Contains(said, "longer than shutdown_grace_ms") {
		t.Errorf("code %d after %v, asked to end %d times, said %q", code, took, asked, said)
	}
}

func TestASecondSignalEndsAProcessAtOnce(t *testing.T) {
	code, took, _, said := ended(t, func(_ func(int), signal func()) {
		signal()
		time.Sleep(3 * time.Second)
		signal()
	})
	if code != exitUnfinished || took != 3*time.Second || !strings.Contains(said, "a second signal") {
		t.Errorf("code %d after %v, said %q", code, took, said)
	}
}

// A terminal and timeout(1) signal a process and its whole group; `make cluster` forwards Ctrl-C to nodes that have
// received it already.
func TestASignalThatComesTwiceAtOnceIsOne(t *testing.T) {
	code, took, asked, said := ended(t, func(stop func(int), signal func()) {
		signal()
		signal()
		time.Sleep(100 * time.Millisecond)
		signal()
		time.Sleep(4 * time.Second)
		stop(0)
	})
	if code != 0 || took != 4100*time.Millisecond || asked != 1 || said != "" {
		t.Errorf("code %d after %v, asked to end %d times, said %q", code, took, asked, said)
	}
}

package harness

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"
)

// Broker is a broker's process.
type Broker struct {
	Addr    string // host:port of its first listener
	Dir     string // its data directory
	Cmd     *exec.Cmd
	Log     *Output
	Done    chan struct{} // closed when it has ended
	address chan string   // receives the first listener's address, from the log
}

var listening = regexp.MustCompile(`msg=listening .*address=(\S+)`)

// Start runs the broker on dir ("" for a new one) at a free port of loopback and returns when it listens.
// It is killed with the test.
func Start(t *testing.T, dir string, args ...string) *Broker {
	t.Helper()
	return StartAt(t, dir, "127.0.0.1:0", args...)
}

// StartAt is Start for a given address.
func StartAt(t *testing.T, dir, listen string, args ...string) *Broker {
	t.Helper()
	return StartUnder(t, nil, dir, listen, args...)
}

// StartUnder is StartAt with a command that becomes the broker by executing its arguments; nil for none.
func StartUnder(t *testing.T, wrapper []string, dir, listen string, args ...string) *Broker {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	b := Launch(t, wrapper, dir, &Output{}, append([]string{
		"standalone", "--listen", listen, "--set",
		"http.listen=127.0.0.1:0",
	}, args...)...)
	t.Cleanup(func() {
		b.Kill()
		if t.Failed() {
			t.Logf("broker's log:\n%s", b.Log.Tail(4000))
		}
	})
	b.AwaitListening(t)
	return b
}

// Launch runs the broker on dir, under wrapper, and returns at once. What it logs is added to log. Unlike after Start,
// the caller has to Kill it.
func Launch(t *testing.T, wrapper []string, dir string, log *Output, args ...string) *Broker {
	t.Helper()
	b := &Broker{Dir: dir, Log: log, address: make(chan string, 1), Done: make(chan struct{})}
	command := slices.Concat(wrapper, []string{Binary(t)}, args, []string{
		"--data-dir", dir, "--set", "kafka.group.initial.rebalance.delay.ms=0", "--set", "log_format=text",
	})
	b.Cmd = Child(exec.Command(command[0], command[1:]...))
	stderr, err := b.Cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(b.Done)
		for lines := bufio.NewScanner(io.TeeReader(stderr, b.Log)); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case b.address <- m[1]:
				default:
				}
			}
		}
		b.Cmd.Wait()
	}()
	return b
}

// AwaitListening returns when the broker listens.
func (b *Broker) AwaitListening(t *testing.T) {
	t.Helper()
	select {
	case b.Addr = <-b.address:
	case <-b.Done:
		t.Fatalf("the broker ended at its start:\n%s", b.Log.Tail(4000))
	case <-time.After(20 * time.Second):
		t.Fatalf("the broker does not listen:\n%s", b.Log.Tail(4000))
	}
}

// Kill ends the broker as a crash would.
func (b *Broker) Kill() {
	b.Cmd.Process.Kill()
	<-b.Done
}

// Stop asks the broker to end, and waits for it. An exit code that is not zero is an error.
func (b *Broker) Stop(t *testing.T) {
	t.Helper()
	b.Cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.Done:
	case <-time.After(20 * time.Second):
		t.Fatalf("the broker does not stop:\n%s", b.Log.Tail(4000))
	}
	if code := b.Cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the broker stopped with exit code %d", code)
	}
}

// End sends signals, waits until the broker has ended, and returns how long that took, and its exit code.
func (b *Broker) End(t *testing.T, limit time.Duration, signals ...os.Signal) (took time.Duration, code int) {
	t.Helper()
	began := time.Now()
	for _, s := range signals {
		b.Cmd.Process.Signal(s)
	}
	select {
	case <-b.Done:
	case <-time.After(limit):
		t.Fatalf("the broker does not end within %v:\n%s", limit, b.Log.Tail(4000))
	}
	return time.Since(began), b.Cmd.ProcessState.ExitCode()
}

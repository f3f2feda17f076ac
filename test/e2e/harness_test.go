// Package e2e runs the real binary against clients that Chronik did not write: Apache Kafka's command line tools,
// kcat, librdkafka, KafkaJS and franz-go's own test-suite. What the tests need they fetch into a cache, once.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// brokerBinary is the broker under test, built once for all tests.
var brokerBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("CHRONIK_BINARY"); path != "" {
		return path, nil
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("chronik-server-e2e-%d", os.Getpid()))
	build := exec.Command("go", "build", "-o", path, "../../cmd/chronik-server")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the broker: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := brokerBinary(); err == nil && os.Getenv("CHRONIK_BINARY") == "" {
		os.Remove(path)
	}
	os.Exit(code)
}

// skipInShortMode leaves the test out of `go test -short`.
func skipInShortMode(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("end to end: runs the real binary and real clients")
	}
}

// process is a running broker.
type process struct {
	addr string // host:port of its first listener
	dir  string // its data directory
	cmd  *exec.Cmd
	log  *lockedBuffer
	told chan string // its first listener's address, as it has logged it
	done chan struct{}
}

var listening = regexp.MustCompile(`msg=listening .*address=(\S+)`)

// start runs the broker on dir ("" for a new one) at a free port of loopback and returns when it listens.
// It is killed with the test.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return startAt(t, dir, "127.0.0.1:0", args...)
}

// startAt is start for a given address.
func startAt(t *testing.T, dir, listen string, args ...string) *process {
	t.Helper()
	return startUnder(t, nil, dir, listen, args...)
}

// startUnder is startAt with a command that becomes the broker by executing its arguments; nil for none.
func startUnder(t *testing.T, wrapper []string, dir, listen string, args ...string) *process {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	p := launch(t, wrapper, dir, &lockedBuffer{}, append([]string{"standalone", "--listen", listen, "--set", "http.listen=127.0.0.1:0"}, args...)...)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("broker's log:\n%s", p.log.tail(4000))
		}
	})
	p.awaitListening(t)
	return p
}

// launch runs the broker on dir, under wrapper, and returns at once. What it logs is added to log.
func launch(t *testing.T, wrapper []string, dir string, log *lockedBuffer, args ...string) *process {
	t.Helper()
	path, err := brokerBinary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{dir: dir, log: log, told: make(chan string, 1), done: make(chan struct{})}
	command := slices.Concat(wrapper, []string{path}, args, []string{
		"--data-dir", dir, "--set", "kafka.group.initial.rebalance.delay.ms=0", "--set", "log_format=text",
	})
	p.cmd = exec.Command(command[0], command[1:]...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(io.TeeReader(stderr, p.log)); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case p.told <- m[1]:
				default:
				}
			}
		}
		p.cmd.Wait()
	}()
	return p
}

// awaitListening returns when the broker listens.
func (p *process) awaitListening(t *testing.T) {
	t.Helper()
	select {
	case p.addr = <-p.told:
	case <-p.done:
		t.Fatalf("the broker ended at its start:\n%s", p.log.tail(4000))
	case <-time.After(20 * time.Second):
		t.Fatalf("the broker does not listen:\n%s", p.log.tail(4000))
	}
}

// kill ends the broker as a crash would.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// stop asks the broker to end and reports how it did.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		t.Fatalf("the broker does not stop:\n%s", p.log.tail(4000))
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the broker stopped with exit code %d", code)
	}
}

// lockedBuffer is what a process has written so far.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.buf.String()
	return s[max(0, len(s)-n):]
}

// command runs a program to its end within a minute and returns what it printed.
func command(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	out, err := tryCommand(t, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func tryCommand(t *testing.T, stdin, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// kafka runs one of Apache Kafka's tools against the broker.
func (p *process) kafka(t *testing.T, tool string, args ...string) string {
	t.Helper()
	return p.kafkaWithInput(t, "", tool, args...)
}

func (p *process) kafkaWithInput(t *testing.T, stdin, tool string, args ...string) string {
	t.Helper()
	return command(t, stdin, "kafka/kafka", append([]string{tool, "--bootstrap-server", p.addr}, args...)...)
}

// wants checks that each text stands in out.
func wants(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("%q is missing in:\n%s", text, out)
		}
	}
}

// client is franz-go's client of the broker at addr; it is closed with the test. measured tells how long something
// took. Where nothing else runs, as MEASURE=1 says (make measure), more than limit is an error.
func measured(t *testing.T, what string, took, limit time.Duration) {
	t.Helper()
	t.Logf("%s: %v, wanted are %v at most", what, took.Round(time.Millisecond), limit)
	if os.Getenv("MEASURE") != "" && took > limit {
		t.Errorf("%s took %v, allowed %v", what, took, limit)
	}
}

func client(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/test/harness"
)

// Verifiable is a set of programs of Kafka's Java client and of librdkafka. Each client has a producer, which writes
// numbers, and a member of a common group. All report the brokers' answers in lines of JSON.
type Verifiable struct {
	producers, members []*Program

	mu        sync.Mutex
	acked     map[string]Position // by value
	count     map[string]int      // of them, by client
	shown     map[Position]string
	committed map[int32]int64
}

const (
	verifiableTopic = "verifiable"
	verifiableGroup = "verifiers"
)

// Program is a running client.
type Program struct {
	cmd    *exec.Cmd
	errors *harness.Output
	done   chan struct{}
}

// event is a line of a program's output.
type event struct {
	Name      string
	Value     string
	Partition int32
	Offset    int64
	Success   bool
	Message   string
	Offsets   []struct {
		Partition int32
		Offset    int64
	}
}

// NewVerifiable returns a set without programs.
func NewVerifiable() *Verifiable {
	return &Verifiable{
		acked: make(map[string]Position), count: make(map[string]int), shown: make(map[Position]string),
		committed: make(map[int32]int64),
	}
}

// StartVerifiable creates the topic, starts the programs, and returns when each has made progress.
func StartVerifiable(t *testing.T, c *harness.Cluster) *Verifiable {
	t.Helper()
	c.Create(t, verifiableTopic, 4)
	v := NewVerifiable()
	seeds := strings.Join(c.Seeds(), ",")
	producer, consumer := filepath.Join(t.TempDir(), "producer"), filepath.Join(t.TempDir(), "consumer")
	// By default, Kafka's program does not retry, and gives up within two minutes.
	harness.WriteFile(t, producer, "enable.idempotence=true\nretries=2147483647\n"+
		"delivery.timeout.ms=600000\nmax.block.ms=600000\n")
	harness.WriteFile(t, consumer, "heartbeat.interval.ms=500\n")
	v.producers = []*Program{
		v.Start(t, harness.KafkaScript, "verifiable-producer", "--bootstrap-server", seeds, "--topic", verifiableTopic,
			"--value-prefix", "7",
			"--throughput", "100", "--command-config", producer),
		v.Start(t, harness.PythonScript, "work.py", "produce", seeds, verifiableTopic),
	}
	v.members = []*Program{
		v.Start(t, harness.KafkaScript, "verifiable-consumer", "--bootstrap-server", seeds, "--topic", verifiableTopic,
			"--group-id", verifiableGroup,
			"--session-timeout", "10000", "--verbose", "--command-config", consumer),
		v.Start(t, harness.PythonScript, "work.py", "consume", seeds, verifiableTopic, verifiableGroup),
	}
	v.Await(t)
	return v
}

// Start runs a program and records its events. It is killed when the test ends.
func (v *Verifiable) Start(t *testing.T, name string, args ...string) *Program {
	t.Helper()
	p := &Program{
		cmd:    harness.Child(exec.Command(name, args...)),
		errors: &harness.Output{},
		done:   make(chan struct{}),
	}
	p.cmd.Stderr = p.errors
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var e event
			if err := json.Unmarshal(lines.Bytes(), &e); err == nil {
				v.note(t, e)
			} else {
				fmt.Fprintln(p.errors, lines.Text()) // a JVM's thread dump
			}
		}
		p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s %s:\n%s", name, args[0], p.errors.Tail(30_000))
		}
	})
	return p
}

// stop asks a program to stop, and waits for it.
func (p *Program) stop(t *testing.T) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(90 * time.Second):
		t.Errorf("a client does not end: %v", p.cmd.Args)
		p.cmd.Process.Signal(syscall.SIGQUIT) // a JVM dumps its threads, other programs stop
		select {
		case <-p.done:
		case <-time.After(5 * time.Second):
		}
	}
}

func (v *Verifiable) note(t *testing.T, e event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := Position{e.Partition, e.Offset}
	switch e.Name {
	case "producer_send_success":
		client, _, _ := strings.Cut(e.Value, ".")
		v.acked[e.Value] = at
		v.count[client]++
	case "producer_send_error", "consumer_error":
		t.Errorf("a client says %s: %s %s", e.Name, e.Value, e.Message)
	case "consumer_stuck":
		t.Logf("librdkafka's consumer is recreated: %s", e.Message) // see work.py
	case "record_data":
		if before, ok := v.shown[at]; ok && before != e.Value {
			t.Errorf("at %v is record %s, and was record %s", at, e.Value, before)
		}
		v.shown[at] = e.Value
	case "offsets_committed":
		for _, o := range e.Offsets {
			if e.Success {
				v.committed[o.Partition] = max(v.committed[o.Partition], o.Offset)
			}
		}
	}
}

// Await returns when each producer has got the answer to another record, and the group has read one.
func (v *Verifiable) Await(t *testing.T) {
	t.Helper()
	progress := func() (map[string]int, int) {
		v.mu.Lock()
		defer v.mu.Unlock()
		return maps.Clone(v.count), len(v.shown)
	}
	before, shown := progress()
	harness.Within(t, time.Minute, "Kafka's clients and librdkafka's make progress", func() bool {
		now, read := progress()
		for client, n := range now {
			if n == before[client] {
				return false
			}
		}
		return len(now) == len(v.producers) && read > shown
	})
}

// Seen returns how many records the group has read.
func (v *Verifiable) Seen() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.shown)
}

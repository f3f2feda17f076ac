//go:build raft

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// verifiable are programs of Kafka's Java client and of librdkafka. Each has a producer, which writes numbers, and a member of a group that
// they have in common. All tell in lines of JSON what they were told.
type verifiable struct {
	producers, members []*program

	mu        sync.Mutex
	acked     map[string]position // by value
	count     map[string]int      // of them, by client
	shown     map[position]string
	committed map[int32]int64
}

const (
	verifiableTopic = "verifiable"
	verifiableGroup = "verifiers"
)

// program is a client that runs.
type program struct {
	cmd    *exec.Cmd
	errors *lockedBuffer
	done   chan struct{}
}

// event is a line of what a program tells.
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

func newVerifiable() *verifiable {
	return &verifiable{
		acked: make(map[string]position), count: make(map[string]int), shown: make(map[position]string), committed: make(map[int32]int64),
	}
}

// startVerifiable makes the topic, starts the programs, and returns when each has done something.
func startVerifiable(t *testing.T, c *nodes) *verifiable {
	t.Helper()
	c.create(t, verifiableTopic, 4)
	v := newVerifiable()
	seeds := strings.Join(c.seeds(), ",")
	producer, consumer := filepath.Join(t.TempDir(), "producer"), filepath.Join(t.TempDir(), "consumer")
	// Kafka's program does not try again by itself, and gives up within two minutes.
	writeFile(t, producer, "enable.idempotence=true\nretries=2147483647\ndelivery.timeout.ms=600000\nmax.block.ms=600000\n")
	writeFile(t, consumer, "heartbeat.interval.ms=500\n")
	v.producers = []*program{
		v.start(t, "kafka/kafka", "verifiable-producer", "--bootstrap-server", seeds, "--topic", verifiableTopic, "--value-prefix", "7",
			"--throughput", "100", "--command-config", producer),
		v.start(t, "clients/python/run", "work.py", "produce", seeds, verifiableTopic),
	}
	v.members = []*program{
		v.start(t, "kafka/kafka", "verifiable-consumer", "--bootstrap-server", seeds, "--topic", verifiableTopic, "--group-id", verifiableGroup,
			"--session-timeout", "10000", "--verbose", "--command-config", consumer),
		v.start(t, "clients/python/run", "work.py", "consume", seeds, verifiableTopic, verifiableGroup),
	}
	v.await(t)
	return v
}

// start runs a program and notes what it tells. It is killed with the test.
func (v *verifiable) start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(name, args...), errors: &lockedBuffer{}, done: make(chan struct{})}
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
				fmt.Fprintln(p.errors, lines.Text()) // the threads of a JVM that was asked for them
			}
		}
		p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s %s:\n%s", name, args[0], p.errors.tail(30_000))
		}
	})
	return p
}

// stop asks a program to end, and waits for it.
func (p *program) stop(t *testing.T) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(90 * time.Second):
		t.Errorf("a client does not end: %v", p.cmd.Args)
		p.cmd.Process.Signal(syscall.SIGQUIT) // a JVM tells what its threads wait for, others end
		select {
		case <-p.done:
		case <-time.After(5 * time.Second):
		}
	}
}

func (v *verifiable) note(t *testing.T, e event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := position{e.Partition, e.Offset}
	switch e.Name {
	case "producer_send_success":
		client, _, _ := strings.Cut(e.Value, ".")
		v.acked[e.Value] = at
		v.count[client]++
	case "producer_send_error", "consumer_error":
		t.Errorf("a client says %s: %s %s", e.Name, e.Value, e.Message)
	case "consumer_stuck":
		t.Logf("librdkafka's consumer begins anew: %s", e.Message) // see work.py
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

// await returns when each producer has had an answer to a further record, and the group has read one.
func (v *verifiable) await(t *testing.T) {
	t.Helper()
	told := func() (map[string]int, int) {
		v.mu.Lock()
		defer v.mu.Unlock()
		return maps.Clone(v.count), len(v.shown)
	}
	before, shown := told()
	within(t, time.Minute, "Kafka's clients and librdkafka's go on", func() bool {
		now, read := told()
		for client, n := range now {
			if n == before[client] {
				return false
			}
		}
		return len(now) == len(v.producers) && read > shown
	})
}

// check ends the programs, reads everything, and compares it with what they were told.
func (v *verifiable) check(t *testing.T, c *nodes) {
	t.Helper()
	for _, p := range v.producers {
		p.stop(t)
	}
	stored := v.read(t, c)
	within(t, time.Minute, "the group has read everything", func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return len(v.shown) >= len(stored)
	})
	for _, p := range v.members {
		p.stop(t)
	}
	if !maps.Equal(v.shown, stored) {
		t.Errorf("%d records are stored, the group was shown %d, or others", len(stored), len(v.shown))
	}
	places := make(map[string]position)
	for at, value := range stored {
		places[value] = at
	}
	for value, at := range v.acked {
		place, kept := places[value]
		if told := at.offset >= 0; !kept || place.partition != at.partition || told && place != at {
			t.Errorf("record %s was said to be at %v, where %q is", value, at, stored[at])
		}
	}
	offsets, err := kadm.NewClient(c.client(t)).FetchOffsets(t.Context(), verifiableGroup)
	if err != nil {
		t.Fatal(err)
	}
	for p, told := range v.committed {
		if o, _ := offsets.Lookup(verifiableTopic, p); o.At < told {
			t.Errorf("partition %d: the group's offset is %d, and was %d", p, o.At, told)
		}
	}
	t.Logf("acknowledged by client: %v, of %d records", v.count, len(stored))
}

// read returns what is where. Each record is there once, and those of a producer are in their order.
func (v *verifiable) read(t *testing.T, c *nodes) map[position]string {
	t.Helper()
	cl := c.client(t, kgo.ConsumeTopics(verifiableTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), verifiableTopic)
	if err != nil {
		t.Fatal(err)
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stored, seen := make(map[position]string), make(map[string][]position)
	type stream struct {
		partition int32
		client    string
	}
	last := make(map[stream]int)
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d records are unread: %v", left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			at, value := position{r.Partition, r.Offset}, string(r.Value)
			stored[at] = value
			if seen[value] = append(seen[value], at); len(seen[value]) > 1 {
				t.Errorf("record %s is at %v, there by producer %d in epoch %d", value, seen[value], r.ProducerID, r.ProducerEpoch)
			}
			client, number, _ := strings.Cut(value, ".")
			n, err := strconv.Atoi(number)
			if before, ok := last[stream{r.Partition, client}]; err != nil || ok && n <= before {
				t.Errorf("record %s came after %d in partition %d: %v", value, before, r.Partition, err)
			}
			last[stream{r.Partition, client}] = n
		})
	}
	if clients := slices.Collect(maps.Keys(v.count)); len(clients) != len(v.producers) {
		t.Errorf("records of %v", clients)
	}
	return stored
}

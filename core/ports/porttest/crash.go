package porttest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// crashClients is how many goroutines a child applies commands from.
const crashClients = 16

// Crash describes a test that kills child processes which use a metadata store.
type Crash struct {
	Env      string // the variable with a child's directory; TestMain passes that to CrashChild when it is set
	Commands int    // how many commands a child may apply
	Rounds   int
	Open     func(dir string) (ports.MetadataStore, error)
}

// CrashChild applies commands to the store in dir and prints each one that was acknowledged, until it is killed or has
// applied all of them. It returns the process's exit code.
func CrashChild(c Crash, dir string) int {
	s, err := c.Open(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	next, out := s.Image().Index(), bufio.NewWriter(os.Stdout)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range crashClients {
		wg.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if n >= uint64(c.Commands) {
					return
				}
				line, err := crashCommand(s, n)
				mu.Lock()
				if err == nil {
					fmt.Fprintln(out, line)
					err = out.Flush()
				}
				mu.Unlock()
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// crashCommand applies the n-th command, and returns a line that says what the image must have afterwards.
func crashCommand(s ports.MetadataStore, n uint64) (string, error) {
	ctx := context.Background()
	name := fmt.Sprintf("topic-%d-%d", n, os.Getpid())
	switch {
	case n == 0:
		got, err := s.Apply(ctx, metadata.RegisterBroker{ID: 1})
		return fmt.Sprintln("index", got.Index), err
	case n%3 == 0:
		got, err := s.Apply(ctx, metadata.AllocateProducerIDs{Count: 10})
		return fmt.Sprintf("index %d producers %d", got.Index, got.ProducerIDs.First+got.ProducerIDs.Count), err
	case n%10 == 1:
		got, err := s.Apply(ctx, metadata.AlterConfigs{Type: metadata.ResourceGroup, Name: name, Set: map[string]string{
			"consumer.session.timeout.ms": "50000",
		}})
		return fmt.Sprintf("index %d group %s", got.Index, name), err
	default:
		got, err := s.Apply(ctx, createTopicAs(name, n))
		if fault.KindOf(err) == fault.InvalidReplicationFactor { // the command for the broker is still in progress
			return "", nil
		}
		return fmt.Sprintf("index %d topic %s", got.Index, name), err
	}
}

func createTopicAs(name string, n uint64) metadata.CreateTopic {
	cmd := createTopic(name, 1+int32(n%3))
	copy(cmd.ID[:], fmt.Appendf(nil, "%8d%6d", n, os.Getpid()%1_000_000))
	return cmd
}

// MetadataStoreCrash kills children at random moments and checks that nothing is missing that they have printed.
func MetadataStoreCrash(t *testing.T, c Crash) {
	t.Helper()
	dir := t.TempDir()
	var printed []string
	for round := range c.Rounds {
		last := round == c.Rounds-1
		printed = append(printed, runCrashChild(t, c, dir, last)...)
		s, err := c.Open(dir)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		missing := 0
		for _, line := range printed {
			if !crashFound(s.Image(), line) {
				missing++
				t.Errorf("round %d: acknowledged and missing: %s", round, line)
			}
			if missing > 5 {
				break
			}
		}
		t.Logf("round %d: %d commands acknowledged, index %d", round, len(printed), s.Image().Index())
		closeStore(t, s)
	}
	if len(printed) < c.Commands/10 {
		t.Errorf("only %d of %d commands were acknowledged: the children did not get far", len(printed), c.Commands)
	}
}

// runCrashChild runs a child, kills it after a random number of lines unless it may finish, and returns
// the whole lines that it printed.
func runCrashChild(t *testing.T, c Crash, dir string, finish bool) []string {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // the test binary itself
	child.Env = append(os.Environ(), c.Env+"="+dir)
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	killAfter := 1 + rand.IntN(2*c.Commands/c.Rounds) //nolint:gosec // any moment will do
	var lines []string
	in := bufio.NewReader(stdout)
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF { // what is left in line was cut
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
		if len(lines) == killAfter && !finish {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err != nil && finish {
		t.Errorf("the last child: %v", err)
	}
	return lines
}

// crashFound reports whether the image has what a line says.
func crashFound(img *metadata.Image, line string) bool {
	words := strings.Fields(line)
	for n := 0; n+1 < len(words); n += 2 {
		switch value := words[n+1]; words[n] {
		case "index":
			if index, err := strconv.ParseUint(value, 10, 64); err != nil || img.Index() < index {
				return false
			}
		case "producers":
			if end, err := strconv.ParseInt(value, 10, 64); err != nil || img.NextProducerID() < end {
				return false
			}
		case "topic":
			if _, ok := img.Topic(value); !ok {
				return false
			}
		case "group":
			if img.Configs(metadata.ResourceGroup, value) == nil {
				return false
			}
		}
	}
	return true
}

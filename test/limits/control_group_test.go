package limits

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

// memoryGroup is a control group whose processes the kernel kills when they take more memory than its limit. It is
// inside the test's own group, whose limits still apply.
type memoryGroup struct {
	dir   string // "" where none can be made
	limit int64
	v2    bool
}

// startLimited starts the broker in a group of its own. Where none can be made, the broker runs without one: in
// continuous integration that is an error, elsewhere only the broker's own memory is checked.
func startLimited(t *testing.T, limit int64, args ...string) (*harness.Broker, *memoryGroup) {
	t.Helper()
	g, err := newMemoryGroup(t, limit)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no control group: %v", err)
		}
		harness.NotChecked(t, "a hard limit of memory, since there is no control group: %v", err)
		return harness.Start(t, "", args...), &memoryGroup{limit: limit}
	}
	join := []string{"/bin/sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(g.dir, "cgroup.procs")}
	return harness.StartUnder(t, join, "", "127.0.0.1:0", args...), g
}

func newMemoryGroup(t *testing.T, limit int64) (*memoryGroup, error) {
	parents, err := memoryParents()
	if err != nil {
		return nil, err
	}
	err = errors.New("the memory controller is not mounted")
	for _, parent := range parents {
		g := &memoryGroup{
			dir: filepath.Join(parent.dir, fmt.Sprintf("chronik-e2e-%d", os.Getpid())), limit: limit,
			v2: parent.v2,
		}
		if err = os.Mkdir(g.dir, 0o755); err != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(g.dir) }) // after the broker has been killed
		bytes := strconv.FormatInt(limit, 10)
		if g.v2 {
			err = errors.Join(g.set("memory.max", bytes), g.set("memory.swap.max", "0"))
		} else {
			err = errors.Join(g.set("memory.limit_in_bytes", bytes), g.set("memory.memsw.limit_in_bytes", bytes))
		}
		if err == nil {
			return g, nil
		}
	}
	return nil, err
}

// memoryParents returns the groups in which one may be made: this process's, and the ones above it that version 2
// allows.
func memoryParents() (parents []memoryGroup, err error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(own)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) < 3:
		case slices.Contains(strings.Split(fields[1], ","), "memory"):
			parents = append(parents, memoryGroup{dir: filepath.Join("/sys/fs/cgroup/memory", fields[2])})
		case fields[0] == "0": // a group of version 2 that has processes cannot have groups with limits
			for at := fields[2]; ; at = filepath.Dir(at) {
				dir := filepath.Join("/sys/fs/cgroup", at)
				if control, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control")); err == nil &&
					strings.Contains(string(control), "memory") {
					parents = append(parents, memoryGroup{dir: dir, v2: true})
				}
				if at == "/" || at == "." {
					break
				}
			}
		}
	}
	return parents, nil
}

// set writes a setting of the group. A setting that the kernel does not have is ignored.
func (g *memoryGroup) set(name, value string) error {
	err := os.WriteFile(filepath.Join(g.dir, name), []byte(value), 0o644)
	if strings.Contains(name, "sw") && errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel that does not account for swap
	}
	return err
}

// read returns a number of the group: a file's, or in a file of several the one behind key.
func (g *memoryGroup) read(t *testing.T, name, key string) int64 {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(g.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if key == "" || len(fields) == 2 && fields[0] == key {
			n, err := strconv.ParseInt(fields[len(fields)-1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("%s has no %s", name, key)
	return 0
}

// check fails the test when the broker was not in the group all the time, or the kernel has killed in it.
func (g *memoryGroup) check(t *testing.T, p *harness.Broker) {
	t.Helper()
	if g.dir == "" {
		return
	}
	procs, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Fields(string(procs)), strconv.Itoa(p.Cmd.Process.Pid)) {
		t.Errorf("the broker is not in its group, which has %q", procs)
	}
	limit, peak, kills := "memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control"
	if g.v2 {
		limit, peak, kills = "memory.max", "memory.peak", "memory.events"
	}
	if got := g.read(t, limit, ""); got != g.limit {
		t.Errorf("the group's limit is %d, want %d", got, g.limit)
	}
	if n := g.read(t, kills, "oom_kill"); n != 0 {
		t.Errorf("the kernel has killed %d times", n)
	}
	highest := g.read(t, peak, "")
	t.Logf("at most %d MiB, page cache counted, of %d", highest>>20, g.limit>>20)
	if highest > g.limit+1<<20 { // the kernel may count a few pages before it reclaims others
		t.Errorf("at most %d bytes were used, allowed %d", highest, g.limit)
	}
}

// String describes the hard limit, if there is one.
func (g *memoryGroup) String() string {
	if g.dir == "" {
		return "no hard limit"
	}
	return fmt.Sprintf("a hard limit of %d MiB", g.limit>>20)
}

// anonymousMemory returns the process's memory that is not file-backed.
func anonymousMemory(t *testing.T, p *harness.Broker) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	if err != nil {
		t.Fatalf("the broker is gone: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no RssAnon")
	return 0
}

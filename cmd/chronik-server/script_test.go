package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"chronik-server": main})
}

// leakChecked fails tests that have left a goroutine, as goleak.VerifyTestMain does.
type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	code := m.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestScripts runs testdata/script/*.txtar against this program in separate processes. The condition [raft] holds for a
// program that was built with that tag.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(2 * time.Minute),
		Setup: func(env *testscript.Env) error {
			env.Vars = slices.DeleteFunc(env.Vars, func(v string) bool { return strings.HasPrefix(v, "CHRONIK_") })
			return nil
		},
		Condition: func(cond string) (bool, error) { return cond == "raft" && builtWithRaft, nil },
		Cmds:      map[string]func(*testscript.TestScript, bool, []string){"await": await},
	})
}

// await waits until a file contains a text: await file text.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await file text")
	}
	deadline := time.After(20 * time.Second)
	for again := time.NewTicker(10 * time.Millisecond); ; {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			ts.Fatalf("%q does not come in %s: %v\n%s", args[1], args[0], err, text)
		}
	}
}

func TestAnUnknownFlagIsAUsageError(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(),
		process{args: []string{"--nope"}, stdout: &stdout, stderr: &stderr, end: newEnding(&stderr)})
	if code != 2 || !strings.Contains(stderr.String(), "unknown flag --nope") || stdout.Len() > 0 {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, &stdout, &stderr)
	}
}

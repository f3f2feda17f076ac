package harness

import (
	"fmt"
	"os"
	"testing"
)

// NotRun skips the test because this machine lacks something, and records that.
func NotRun(t *testing.T, format string, args ...any) {
	t.Helper()
	note(t, "NOT RUN: "+fmt.Sprintf(format, args...))
	t.SkipNow()
}

// NotChecked records what the test cannot check on this machine. The test continues.
func NotChecked(t *testing.T, format string, args ...any) {
	t.Helper()
	note(t, "NOT CHECKED: "+fmt.Sprintf(format, args...))
}

// note adds a line to the file that NOT_RUN names. go test does not show the output of tests that pass, so make shows
// the file at the end.
func note(t *testing.T, text string) {
	t.Helper()
	t.Log(text)
	path := os.Getenv("NOT_RUN")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s: %s\n", t.Name(), text); err != nil {
		t.Fatal(err)
	}
}

package harness

import (
	"strings"
	"testing"
	"time"
)

// Wants checks that out contains each text.
func Wants(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("%q is missing in:\n%s", text, out)
		}
	}
}

// Within waits until holds returns true. It fails the test when that takes longer than limit, which should be generous:
// machines are slow at times. what names the condition.
func Within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	// polls a condition with a deadline
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

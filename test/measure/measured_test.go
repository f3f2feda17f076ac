package measure

import (
	"os"
	"testing"
	"time"
)

// measured logs how long something took. More than limit is an error under make measure only: otherwise the machine may
// be busy.
func measured(t *testing.T, what string, took, limit time.Duration) {
	t.Helper()
	t.Logf("%s: %v, wanted are %v at most", what, took.Round(time.Millisecond), limit)
	if alone() && took > limit {
		t.Errorf("%s took %v, allowed %v", what, took, limit)
	}
}

// alone reports whether nothing else runs on the machine, by MEASURE=1.
func alone() bool { return os.Getenv("MEASURE") != "" }

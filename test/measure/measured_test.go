package measure

import (
	"os"
	"testing"
	"time"
)

// measured tells how long something took. More than limit is an error where nothing else runs (make measure): elsewhere
// the machine may be busy.
func measured(t *testing.T, what string, took, limit time.Duration) {
	t.Helper()
	t.Logf("%s: %v, wanted are %v at most", what, took.Round(time.Millisecond), limit)
	if alone() && took > limit {
		t.Errorf("%s took %v, allowed %v", what, took, limit)
	}
}

// alone reports whether the tests have the machine for themselves, as MEASURE=1 says.
func alone() bool { return os.Getenv("MEASURE") != "" }

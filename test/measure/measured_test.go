package measure

import (
	"os"
	"testing"
	"time"
)

// measured tells how long something took. Where nothing else runs, as MEASURE=1 says (make measure), more than limit is
// an error.
func measured(t *testing.T, what string, took, limit time.Duration) {
	t.Helper()
	t.Logf("%s: %v, wanted are %v at most", what, took.Round(time.Millisecond), limit)
	if os.Getenv("MEASURE") != "" && took > limit {
		t.Errorf("%s took %v, allowed %v", what, took, limit)
	}
}

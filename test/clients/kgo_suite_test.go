package clients

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// notYet are the tests of franz-go's suite for what Chronik does not serve: transactions, KIP-848 groups and share
// groups.
const notYet = "TestTxnEtl|TestShareGroup|848"

// runFranzGoSuite runs the suite with this number of records, unless the environment has another.
func runFranzGoSuite(t *testing.T, records string, environ ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	suite := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout=9m", "-skip="+notYet,
		"github.com/twmb/franz-go/pkg/kgo")
	suite.Env = append(os.Environ(), append(environ, "KGO_TEST_RECORDS="+cmp.Or(os.Getenv("KGO_TEST_RECORDS"),
		records))...)
	if out, err := suite.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out[max(0, len(out)-20000):])
	}
}

package clients

import (
	"os/exec"
	"testing"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestKcat(t *testing.T) {
	if _, err := exec.LookPath("kcat"); err != nil {
		t.Fatal("kcat is not installed: apt-get install kcat (make fetch does it, for root)")
	}
	b := harness.Start(t, "")
	harness.Command(t, numbered("cat", 200), "kcat", "-b", b.Addr, "-P", "-t", "cats", "-z", "lz4")
	harness.Wants(t, harness.Command(t, "", "kcat", "-b", b.Addr, "-C", "-t", "cats", "-o", "beginning", "-e", "-q"),
		"cat-0\n", "cat-199\n")
	harness.Wants(t, harness.Command(t, "", "kcat", "-b", b.Addr, "-L"), `topic "cats" with 1 partitions`)
	harness.Wants(t, harness.Command(t, "", "kcat", "-b", b.Addr, "-Q", "-t", "cats:0:-1"), "cats [0] offset 200")
	harness.Wants(t, harness.Command(t, "", "kcat", "-b", b.Addr, "-X", "auto.offset.reset=earliest", "-G", "purr", "-c",
		"200", "-q", "cats"), "cat-199\n")
}

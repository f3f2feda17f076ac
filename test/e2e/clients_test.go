package e2e

import (
	"os"
	"os/exec"
	"testing"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestKcat(t *testing.T) {
	skipInShortMode(t)
	if _, err := exec.LookPath("kcat"); err != nil {
		t.Fatal("kcat is not installed: apt-get install kcat (make fetch does it, for root)")
	}
	b := start(t, "")
	command(t, numbered("cat", 200), "kcat", "-b", b.addr, "-P", "-t", "cats", "-z", "lz4")
	wants(t, command(t, "", "kcat", "-b", b.addr, "-C", "-t", "cats", "-o", "beginning", "-e", "-q"), "cat-0\n", "cat-199\n")
	wants(t, command(t, "", "kcat", "-b", b.addr, "-L"), `topic "cats" with 1 partitions`)
	wants(t, command(t, "", "kcat", "-b", b.addr, "-Q", "-t", "cats:0:-1"), "cats [0] offset 200")
	wants(t, command(t, "", "kcat", "-b", b.addr, "-X", "auto.offset.reset=earliest", "-G", "purr", "-c", "200", "-q", "cats"), "cat-199\n")
}

// TestLibrdkafka and TestKafkaJS run a script of the client that checks itself; it exits with an error when something is wrong.
func TestLibrdkafka(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	wants(t, command(t, "", "clients/python/run", "check.py", b.addr), "all checks passed")
}

func TestKafkaJS(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	wants(t, command(t, "", "clients/node/run", b.addr), "all checks passed")
}

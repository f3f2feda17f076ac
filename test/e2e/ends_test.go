package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sys/unix"
)

// exitUnfinished is the exit code of a broker that was asked to end, and could not do all that a proper stop does.
const exitUnfinished = 3

// ends returns how long the broker took to end after a signal, and its exit code.
func (p *process) ends(t *testing.T, limit time.Duration, signals ...os.Signal) (took time.Duration, code int) {
	t.Helper()
	began := time.Now()
	for _, s := range signals {
		p.cmd.Process.Signal(s)
	}
	select {
	case <-p.done:
	case <-time.After(limit):
		t.Fatalf("the broker does not end within %v:\n%s", limit, p.log.tail(4000))
	}
	return time.Since(began), p.cmd.ProcessState.ExitCode()
}

func TestABrokerWhoseDataDirectoryIsDeletedSaysSoAndEnds(t *testing.T) {
	skipInShortMode(t)
	dir := filepath.Join(t.TempDir(), "data")
	b := start(t, dir, "--set", "shutdown_grace_ms=1000")
	produceTo(t, b.addr, "orders", "one")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "the broker refuses records, and says why", func() bool {
		return strings.Contains(b.log.tail(1<<20), "the data directory is gone")
	})
	// The limit is wide: the machine may be busy. That Badger is not waited for shows in what is said.
	if took, code := b.ends(t, 30*time.Second, syscall.SIGTERM); code != exitUnfinished {
		t.Errorf("exit code %d after %v, want %d", code, took, exitUnfinished)
	}
	wants(t, b.log.tail(1<<20), "stopped, but not all was done", "close the metadata store")
}

func TestAStartThatHangsEndsWhenItIsAskedTo(t *testing.T) {
	skipInShortMode(t)
	for name, again := range map[string]bool{"in time": false, "at once by a second signal": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, "")
			b.stop(t)
			manifest := filepath.Join(b.dir, "wal_metadata", "MANIFEST")
			if err := os.Remove(manifest); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mkfifo(manifest, 0o644); err != nil { // a disk that does not answer
				t.Fatal(err)
			}
			grace := "1000"
			if again {
				grace = "600000"
			}
			hangs := launch(t, nil, b.dir, &lockedBuffer{}, "--listen", "127.0.0.1:0", "--set", "http.listen=", "--set", "shutdown_grace_ms="+grace)
			t.Cleanup(hangs.kill)
			within(t, 20*time.Second, "the broker has the directory", func() bool {
				pid, err := os.ReadFile(filepath.Join(b.dir, "chronik.lock"))
				return err == nil && len(pid) > 0
			})
			hangs.cmd.Process.Signal(syscall.SIGTERM)
			if again {
				within(t, 30*time.Second, "the broker has ended", func() bool {
					hangs.cmd.Process.Signal(syscall.SIGINT) // counts when it is not taken for the first one
					select {
					case <-hangs.done:
						return true
					default:
						return false
					}
				})
			}
			if _, code := hangs.ends(t, 30*time.Second); code != exitUnfinished {
				t.Errorf("exit code %d, want %d", code, exitUnfinished)
			}
			wants(t, hangs.log.tail(1<<20), "ended before all was done: nothing acknowledged is lost", "open the metadata store")
		})
	}
}

func TestSeveralBrokersOnOneMachineNeedNoOtherAddressForMetrics(t *testing.T) {
	skipInShortMode(t)
	path, err := brokerBinary()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p := launch(t, nil, t.TempDir(), &lockedBuffer{}, "--listen", "127.0.0.1:0")
		t.Cleanup(p.kill)
		p.awaitListening(t)
		within(t, 10*time.Second, "metrics are served", func() bool { return strings.Contains(p.log.tail(1<<20), `msg="serving http"`) })
	}
	// The first of the two has the default, or somebody else on this machine has.
	out, err := exec.Command(path, "--listen", "127.0.0.1:0", "--data-dir", t.TempDir(), "--set", "http.listen=127.0.0.1:9464").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "address already in use") {
		t.Errorf("an address that was set by hand, and is taken: %v\n%s", err, out)
	}
}

// produceTo produces a record that is acknowledged.
func produceTo(t *testing.T, addr, topic, value string) {
	t.Helper()
	cl := client(t, addr, kgo.AllowAutoTopicCreation())
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

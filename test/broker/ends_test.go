package broker

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/test/harness"
)

// exitUnfinished is the exit code of a broker that was asked to stop and could not do all that a clean stop does.
const exitUnfinished = 3

func TestABrokerWhoseDataDirectoryIsDeletedSaysSoAndEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	b := harness.Start(t, dir, "--set", "shutdown_grace_ms=1000")
	harness.ProduceOne(t, b.Addr, "orders", "one")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	harness.Within(t, 20*time.Second, "the broker refuses records, and says why", func() bool {
		return strings.Contains(b.Log.Tail(1<<20), "the data directory is gone")
	})
	// The limit is generous, since the machine may be busy. The output shows that the broker did not wait for Badger.
	if took, code := b.End(t, 30*time.Second, syscall.SIGTERM); code != exitUnfinished {
		t.Errorf("exit code %d after %v, want %d", code, took, exitUnfinished)
	}
	harness.Wants(t, b.Log.Tail(1<<20), "stopped, but not all was done", "close the metadata store")
}

func TestAStartThatHangsEndsWhenItIsAskedTo(t *testing.T) {
	for name, again := range map[string]bool{"in time": false, "at once by a second signal": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := harness.Start(t, "")
			b.Stop(t)
			manifest := filepath.Join(b.Dir, "wal_metadata", "MANIFEST")
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
			hangs := harness.Launch(t, nil, b.Dir, &harness.Output{}, "--listen", "127.0.0.1:0", "--set", "http.listen=",
				"--set", "shutdown_grace_ms="+grace)
			t.Cleanup(hangs.Kill)
			harness.Within(t, 20*time.Second, "the broker has the directory", func() bool {
				pid, err := os.ReadFile(filepath.Join(b.Dir, "chronik.lock"))
				return err == nil && len(pid) > 0
			})
			hangs.Cmd.Process.Signal(syscall.SIGTERM)
			if again {
				harness.Within(t, 30*time.Second, "the broker has ended", func() bool {
					hangs.Cmd.Process.Signal(syscall.SIGINT) // counts when it is not taken for the first one
					select {
					case <-hangs.Done:
						return true
					default:
						return false
					}
				})
			}
			if _, code := hangs.End(t, 30*time.Second); code != exitUnfinished {
				t.Errorf("exit code %d, want %d", code, exitUnfinished)
			}
			harness.Wants(t, hangs.Log.Tail(1<<20), "ended before all was done: nothing acknowledged is lost",
				"open the metadata store")
		})
	}
}

func TestSeveralBrokersOnOneMachineNeedNoOtherAddressForMetrics(t *testing.T) {
	for range 2 {
		p := harness.Launch(t, nil, t.TempDir(), &harness.Output{}, "--listen", "127.0.0.1:0")
		t.Cleanup(p.Kill)
		p.AwaitListening(t)
		harness.Within(t, 30*time.Second, "metrics are served", func() bool {
			return strings.Contains(p.Log.Tail(1<<20), `msg="serving http"`)
		})
	}
	// The first of the two, or another process on this machine, has the default port.
	third := harness.Child(exec.Command(harness.Binary(t), "--listen", "127.0.0.1:0", "--data-dir", t.TempDir(),
		"--set", "http.listen=127.0.0.1:9464"))
	out, err := third.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "address already in use") {
		t.Errorf("an address that was set by hand, and is taken: %v\n%s", err, out)
	}
}

func TestSIGTERMLosesNothing(t *testing.T) {
	b := harness.Start(t, "")
	cl := harness.NewClient(t, b.Addr, kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("drained"))
	acked := make(chan struct{}, 100_000)
	for i := range 20_000 {
		cl.Produce(t.Context(), &kgo.Record{Value: []byte(strconv.Itoa(i))}, func(_ *kgo.Record, err error) {
			if err == nil {
				acked <- struct{}{}
			}
		})
	}
	<-acked
	b.Stop(t)
	harness.StartAt(t, b.Dir, b.Addr)
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), "drained")
	if err != nil {
		t.Fatal(err)
	}
	if end, _ := ends.Lookup("drained", 0); end.Offset != 20_000 || len(acked) != 19_999 {
		t.Errorf("%d records are there, %d were acknowledged, want 20000", end.Offset, len(acked)+1)
	}
}
